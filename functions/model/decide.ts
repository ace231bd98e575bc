import { annotations, finalizer } from '#model/cache/api.ts';
import { type ImageCache, isRoundOpen, withStatus } from '#model/cache/image-cache.ts';
import type { Trigger } from '#model/cache/round.ts';
import { imagesNotFound } from '#model/desired/images-to-ask-about.ts';
import { withAnswers } from '#model/desired/access.ts';
import { foundEvents } from '#model/found/find-images.ts';
import { gateOffEvents } from '#model/desired/warm-gate.ts';
import { exceededLimit } from '#model/desired/limits.ts';
import { adopt, hasResult, ignoreStaleTriggers, openRound, prunedEvents } from '#model/round/open-round.ts';
import { refuse, refusedLimit, suspend } from '#model/round/suspend.ts';
import {
  type RoundRequest,
  finishedRequest,
  isFromKubeFledged,
  mayOpen,
  nextRound,
  resolvesImages,
} from '#model/round/next-round.ts';
import { refreshLedger } from '#model/round/refresh-ledger.ts';
import { removalJobsToDelete } from '#model/removal/removal-job.ts';
import { type Plan, emptyPlan } from './plan.ts';
import { planRound } from './plan-round.ts';
import type { World } from './world.ts';

/**
 * The decision behind all four functions: what to write for a cache, given what was observed. The first case that applies
 * wins. Deterministic and idempotent: once its plan is carried out, it returns the empty plan.
 */
export function decide(world: World): Plan {
  const { before, opens, now } = world;
  if (before.isBeingDeleted) return planDeletion(world);
  const finalizerPlan = planFinalizer(world);
  if (finalizerPlan !== undefined) return finalizerPlan;
  const limit = refusedLimit(before, world.settings.limits, now);
  if (limit !== undefined) return opens.includes('Spec') ? refuse(before, limit, world.observed.jobs, now) : emptyPlan;
  const request = nextRound(before, now);
  if (request !== undefined)
    return mayOpen(request, opens) ? planOpening(world, request) : continueRound(world, request);
  if (isFromKubeFledged(before) && !(before.spec.suspend && !hasResult(before)))
    return opens.includes('Adopted') ? planStart(world, adopt(world)) : emptyPlan;
  if (before.spec.suspend) return opens.includes('Spec') ? suspend(before, world.observed.jobs, now) : emptyPlan;
  return continueRound(world, undefined);
}

/** `purge` adds the finalizer when deletionPolicy is Purge, and removes it otherwise. */
function planFinalizer({ before, makes }: World): Plan | undefined {
  const hasFinalizer = before.finalizers.includes(finalizer);
  const needsFinalizer = before.spec.deletionPolicy === 'Purge';
  // A write under a CRD that lacks our fields would drop the rest of them.
  if (makes !== 'removals' || hasFinalizer === needsFinalizer || before.isStatusPruned) return undefined;
  return { ...emptyPlan, finalizer: needsFinalizer ? 'add' : 'release', observeNext: 'everything' };
}

/** A cache that is being deleted pulls nothing. With deletionPolicy Purge its images are removed first, then the finalizer. */
function planDeletion(world: World): Plan {
  const { before, makes, now } = world;
  if (makes !== 'removals' || !before.finalizers.includes(finalizer)) return emptyPlan;
  const request = nextRound(before, now);
  const isPurgeFinished = request === undefined && !isRoundOpen(before.status);
  if (isPurgeFinished || before.spec.deletionPolicy !== 'Purge') return planRelease(world);
  // What a refused cache lists was never pulled, and may be more than a removal Job can name.
  const isRefused = exceededLimit(before, world.settings.limits) !== undefined;
  const placed = isRefused ? { ...before, spec: { ...before.spec, lists: [] } } : before;
  const plan = planRound(world, request === undefined ? placed : openRound(placed, request, now));
  return isRoundOpen(plan.status ?? before.status) ? plan : { ...plan, observeNext: 'everything' };
}

/** Removal Jobs that have not ended are deleted with the cache: later, other caches may need the images that they remove. */
function planRelease(world: World): Plan {
  const withoutRemovals = withStatus(world.before, { removals: {} });
  return {
    ...emptyPlan,
    finalizer: 'release',
    deleteRemovalJobs: removalJobsToDelete(world.observed, withoutRemovals),
  };
}

/** Continues the latest round. A pending request that another function opens stops it only if it supersedes the round. */
function continueRound(world: World, request: RoundRequest | undefined): Plan {
  const { before } = world;
  const isSuperseded = request?.operation === 'Purge' || (request !== undefined && superseding.has(request.trigger));
  if (before.status.round === undefined || isSuperseded) return emptyPlan;
  const plan = withoutRequest(before, planRound(world, withStatus(before, { found: before.found })));
  return { ...plan, events: [...plan.events, ...foundEvents(before)] };
}

/** What opens a round that supersedes an open one. */
const superseding: ReadonlySet<Trigger> = new Set<Trigger>(['Spec', 'Adopted', 'Workloads']);

/** Removes the annotation that requested a round once the round has ended; a later plan clears `round.requestedBy`. */
function withoutRequest(cache: ImageCache, plan: Plan): Plan {
  const status = plan.status ?? cache.status;
  // A status that is about to be written is later than any annotation that was read before.
  const statusWrittenAt = plan.status === undefined ? cache.statusWrittenAt : undefined;
  const finished = finishedRequest({ ...cache, status, statusWrittenAt });
  if (finished !== undefined)
    return { ...plan, annotations: { [finished.annotation]: finished.value }, observeNext: 'everything' };
  const { round } = status;
  if (round?.requestedBy === undefined || isRoundOpen(status)) return plan;
  return { ...plan, status: { ...status, round: { ...round, requestedBy: undefined } } };
}

/**
 * Opens a round. The annotation of the previous round is removed first: it would otherwise request one more. So is that of a
 * refresh if a purge opens: it was there before, and would bring back what the purge removes.
 */
function planOpening(world: World, request: RoundRequest): Plan {
  const { before } = world;
  const finished = finishedRequest(before);
  const stale = {
    ...(finished && { [finished.annotation]: finished.value }),
    ...(request.operation === 'Purge' ? refreshAnnotation(before) : {}),
  };
  if (Object.keys(stale).length === 0) return planStart(world, opened(world, request));
  return { ...emptyPlan, annotations: stale, observeNext: 'everything' };
}

function refreshAnnotation({ annotations: given }: ImageCache): Readonly<Record<string, string>> {
  const value = given[annotations.refresh];
  return value === undefined ? {} : { [annotations.refresh]: value };
}

/** The cache with the requested round open. A first round and a refresh compare Ready nodes with what registries report now. */
function opened(world: World, request: RoundRequest): ImageCache {
  const round = openRound(world.before, request, world.now);
  const next = withStatus(round, {
    anonymousPulls: withAnswers(round, world.anonymousPulls),
    absentImages: imagesNotFound(round, world.observed.nodes.values(), world.resolutions, world.settings),
  });
  return resolvesImages(request) ? withStatus(next, refreshLedger(world, next)) : next;
}

/** The first plan of a cache whose round was just opened, or that was adopted. Trigger annotations from before its first plan are removed without acting on them. */
function planStart(world: World, started: ImageCache): Plan {
  const plan = withoutRequest(world.before, planRound(world, started));
  const isFirst = world.before.status.observedGeneration === undefined;
  const first = isFirst ? ignoreStaleTriggers(started, plan) : plan;
  return {
    ...first,
    events: [
      ...first.events,
      ...prunedEvents(world.before),
      ...foundEvents(world.before),
      ...gateOffEvents(started, world.settings),
    ],
  };
}
