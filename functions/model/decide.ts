import { adopt } from '#model/round/adopt.ts';
import { finalizer } from '#model/cache/api.ts';
import { planRound } from './plan-round.ts';
import { isRoundOpen, type ImageCache } from '#model/cache/image-cache.ts';
import {
  resolvesImages,
  finishedRequest,
  isFromKubeFledged,
  mayOpen,
  nextRound,
  wasInterrupted,
  type RoundRequest,
} from '#model/round/next-round.ts';
import { openRound, staleTriggers } from '#model/round/open-round.ts';
import { emptyPlan, type Plan } from './plan.ts';
import { refreshLedger } from '#model/round/refresh-ledger.ts';
import { suspend } from '#model/round/suspend.ts';
import { gateOffEvents } from '#model/desired/warm-gate.ts';
import type { World } from './world.ts';

/**
 * The one brain behind all doors: what is to be written for a cache, given what was seen of the world.
 * Deterministic, and it settles: carried out and asked again, it answers with the empty plan.
 */
export function decide(world: World): Plan {
  const { before, opens, now } = world;
  if (before.isBeingDeleted) return departing(world);
  const held = holding(world);
  if (held !== undefined) return held;
  const request = nextRound(before, now);
  if (request !== undefined) return mayOpen(request, opens) ? opening(world, request) : goOn(world, request);
  if (isFromKubeFledged(before) && !(before.spec.suspend && wasInterrupted(before)))
    return opens.includes('Adopted') ? begun(world, adopt(world)) : emptyPlan;
  if (before.spec.suspend) return opens.includes('Spec') ? suspend(world) : emptyPlan;
  return goOn(world, undefined);
}

/** Whoever removes images holds a cache that wants them gone before it goes, and lets go of one that does not. */
function holding({ before, makes }: World): Plan | undefined {
  const isHeld = before.finalizers.includes(finalizer);
  const wantsHold = before.spec.deletionPolicy === 'Purge';
  if (makes !== 'removals' || isHeld === wantsHold) return undefined;
  return { ...emptyPlan, finalizer: wantsHold ? 'add' : 'release', observeNext: 'unseen' };
}

/** A cache that is being deleted pulls nothing. Its images go first, where it says so; then it is let go, whatever came of that. */
function departing(world: World): Plan {
  const { before, makes, now } = world;
  if (makes !== 'removals' || !before.finalizers.includes(finalizer)) return emptyPlan;
  const request = nextRound(before, now);
  const isOver = request === undefined && !isRoundOpen(before.status);
  if (isOver || before.spec.deletionPolicy !== 'Purge') return { ...emptyPlan, finalizer: 'release' };
  const plan = planRound(world, request === undefined ? before : openRound(before, request, now));
  return isRoundOpen(plan.status ?? before.status) ? plan : { ...plan, observeNext: 'unseen' };
}

/** What the last round still needs. A request that another function is to answer does not hold it up, but for a new spec and a purge. */
function goOn(world: World, request: RoundRequest | undefined): Plan {
  const { before } = world;
  const supersedes = request?.trigger === 'Spec' || request?.trigger === 'Adopted' || request?.operation === 'Purge';
  if (before.status.round === undefined || supersedes) return emptyPlan;
  return withoutDoneTrigger(before, planRound(world, before));
}

/** The annotation of a round goes when the round has ended; when it is gone, the status stops waiting for that. */
function withoutDoneTrigger(cache: ImageCache, plan: Plan): Plan {
  const status = plan.status ?? cache.status;
  const done = finishedRequest({ ...cache, status });
  if (done !== undefined) return { ...plan, annotations: { [done.annotation]: done.value }, observeNext: 'unseen' };
  const { round } = status;
  if (round?.requestedBy === undefined || isRoundOpen(status)) return plan;
  return { ...plan, status: { ...status, round: { ...round, requestedBy: undefined } } };
}

/** The annotation of the round before goes first: the next one's would take its place in the status, and it would ask once more. */
function opening(world: World, request: RoundRequest): Plan {
  const done = finishedRequest(world.before);
  if (done === undefined) return begun(world, opened(world, request));
  return { ...emptyPlan, annotations: { [done.annotation]: done.value }, observeNext: 'unseen' };
}

/** The cache with the round open that is asked for; a refresh looks again at what was settled, and at what registries say now. */
function opened(world: World, request: RoundRequest): ImageCache {
  const cache = openRound(world.before, request, world.now);
  return resolvesImages(request) ? { ...cache, status: { ...cache.status, ...refreshLedger(world, cache) } } : cache;
}

/** A cache taken up, by a round or by adoption: triggers from before that are taken away without acting on them. */
function begun(world: World, cache: ImageCache): Plan {
  const plan = withoutDoneTrigger(world.before, planRound(world, cache));
  const isFirst = world.before.status.observedGeneration === undefined;
  const begins = isFirst ? { ...plan, ...staleTriggers(cache, plan) } : plan;
  return { ...begins, events: [...begins.events, ...gateOffEvents(cache, world.settings)] };
}
