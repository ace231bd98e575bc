import { blockedEvents, boundedFailures } from '#model/cache/failures.ts';
import { type ImageCache, type Status, isPurged, isRoundOpen, withStatus } from '#model/cache/image-cache.ts';
import { heldHashes, isUnsettled } from '#model/cache/ledger.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import { hasRemovedPlacements, withoutRemovedPlacements } from '#model/desired/placements.ts';
import { unsettledRemovals } from '#model/cache/removal-ledger.ts';
import { isSameStatus } from '#model/status/same-status.ts';
import { withListedDigests } from '#model/pull/listed-digests.ts';
import { lossEvents, withReadyTimes } from '#model/pull/lost-images.ts';
import { jobsToCreate, jobsToDelete } from '#model/pull/jobs-to-write.ts';
import { recordResults } from '#model/pull/record-results.ts';
import { retainsJobs } from '#model/job/job-times.ts';
import { registryEvents, withPossibleUses } from '#model/cache/registry-use.ts';
import { withoutAbsentImages } from '#model/pull/absent-images.ts';
import { endWave, holdNodes } from '#model/start/wave.ts';
import { withTrials } from '#model/start/registry-trial.ts';
import { startNodes } from '#model/start/start-nodes.ts';
import { skipUnavailable, syncLedger } from '#model/pull/sync-ledger.ts';
import { hasUnnamed, withNamedKeepers } from '#model/removal/spared-images.ts';
import { recordRemovals } from '#model/removal/record-removals.ts';
import { isPurgeWaiting, removalEvents } from '#model/removal/removal-report.ts';
import { removalJobsToCreate, removalJobsToDelete } from '#model/removal/removal-job.ts';
import { startRemovals, syncRemovals } from '#model/removal/sync-removals.ts';
import { closeRound, jobsRefused, reportProgress } from '#model/report/reported-status.ts';
import type { Query } from './observed.ts';
import type { Plan } from './plan.ts';
import type { World } from './world.ts';

/**
 * What the latest round of a cache needs now, step by step: pull, remove, end. `opened` is the stored cache, or the stored cache
 * with a new round. Without an open round the same steps serve nodes that join, and remove images that are no longer desired.
 */
export function planRound(world: World, opened: ImageCache): Plan {
  const pulled = pullStep(world, opened);
  const removed = removalStep(world, pulled.next);
  const createsPulls = world.makes === 'pulls';
  const createJobs = createsPulls ? jobsToCreate(world, removed.next, pulled.desired) : [];
  const createRemovalJobs = createsPulls ? [] : removalJobsToCreate(world, removed.next);
  const isMissingJobs = createJobs.length + createRemovalJobs.length > 0;
  const hasAllItsJobs = !isMissingJobs && hasObservedItsJobs(world, removed.next);
  const ended = endStep(world, withoutUnused(world, removed.next), hasAllItsJobs);
  const { next, events } = ended;
  // That Jobs which were refused before exist now is observed, and reported, at once.
  const mustObserveEverything =
    ended.mustObserveEverything || (isMissingJobs && jobsRefused(world.before) !== undefined);
  return {
    status: isSameStatus(next.status, world.before) ? undefined : next.status,
    createJobs,
    deleteJobs: jobsToDelete(world, next, pulled.desired),
    createRemovalJobs,
    deleteRemovalJobs: createsPulls ? [] : removalJobsToDelete(world.observed, next),
    finalizer: undefined,
    annotations: {},
    events: [
      ...registryEvents(world.before, next, world.now),
      ...lossEvents(world.before, next, world.now),
      ...blockedEvents(world.before, next),
      ...events,
      ...removalEvents(world.before, next),
    ],
    observeNext: mustObserveEverything ? 'everything' : createsPulls ? pulled.observeNext : removed.observeNext,
    polls: removed.polls,
  };
}

/** Whether all Jobs of the kind that the caller creates were observed, and no Job of the other kind is due. */
function hasObservedItsJobs({ observed, makes }: World, { status }: ImageCache): boolean {
  if (makes === 'removals') return observed.removals.hasAll && !Object.values(status.nodes).some(isUnsettled);
  return observed.hasAllJobs && !hasUnsettledRemovals({ status });
}

type Pulled = { readonly next: ImageCache; readonly desired: DesiredByHash; readonly observeNext: Query };

/** Matches the ledger with the observed nodes, records the results of Jobs, and starts pulling on the next nodes. */
function pullStep(world: World, opened: ImageCache): Pulled {
  const { next: synced, desired } = syncLedger(world, withPossibleUses(opened, world.now));
  const timed = withReadyTimes(world, recordResults(world, withTrials(world, synced, desired), desired));
  const recorded = withListedDigests(world, timed, desired);
  const tried = withoutAbsentImages(skipUnavailable(world, recorded), desired, world.settings);
  const available = endWave(world.before, holdNodes(tried, world.settings), world.settings, world.now);
  if (world.makes !== 'pulls') return { next: available, desired, observeNext: 'nothing' };
  return { ...startNodes(world, available, desired), desired };
}

type Removed = Pick<Plan, 'observeNext' | 'polls'> & { readonly next: ImageCache };

/** Finds the images to remove from each node, records the results of removal Jobs, and starts the next removals. */
function removalStep(world: World, pulled: ImageCache): Removed {
  const synced = syncRemovals(world, pulled);
  const recorded = withNamedKeepers(world, recordRemovals(world, synced));
  // Whose the spared images are is in other caches, which are observed once, before the last result is reported.
  const mustKnowCaches = world.makes === 'removals' && !world.observed.removals.hasAll && hasUnnamed(recorded);
  if (mustKnowCaches && !hasUnsettledRemovals(recorded) && hasUnsettledRemovals(synced))
    return { next: synced, observeNext: 'everything', polls: false };
  // A running removal keeps its list of images: additions are found once it has ended.
  const next = hasEnded(synced, recorded) ? syncRemovals(world, recorded) : recorded;
  return world.makes === 'removals' ? startRemovals(world, next) : { next, observeNext: 'nothing', polls: false };
}

const hasUnsettledRemovals = ({ status }: Pick<ImageCache, 'status'>): boolean => unsettledRemovals(status).length > 0;

const hasEnded = ({ status: before }: ImageCache, { status: after }: ImageCache): boolean =>
  Object.entries(after.removals).some(([name, { state }]) => state !== before.removals[name]?.state);

/** Drops entries that no node refers to, and truncates the failures. */
function withoutUnused(world: World, cache: ImageCache): ImageCache {
  const status = withoutRemovedPlacements(cache, world.observed.hasAllNodes);
  return withStatus(cache, {
    placements: status.placements,
    desired: desiredInUse(status),
    failures: boundedFailures(status.failures),
  });
}

function desiredInUse({ nodes, desired }: Status): Status['desired'] {
  const used = new Set(Object.values(nodes).flatMap(heldHashes));
  return Object.fromEntries(Object.entries(desired).filter(([hash]) => used.has(hash)));
}

type Ended = Pick<Plan, 'events'> & { readonly next: ImageCache; readonly mustObserveEverything: boolean };

/**
 * Ends the round with its last unsettled node, in the write that settles it; between rounds, reports changes of nodes. A purge
 * ends only after observing all nodes: what to remove from a node on which a removal is running is not known before that removal
 * has ended.
 */
function endStep(world: World, next: ImageCache, hasAllItsJobs: boolean): Ended {
  const { observed, settings, makes } = world;
  const isOpen = isRoundOpen(next.status);
  const isSettled = isPurged(next)
    ? !isPurgeWaiting(next.status, settings, world.now)
    : !Object.values(next.status.nodes).some(isUnsettled);
  const needsAllNodes = isPurged(next) && isOpen && isSettled && !observed.hasAllNodes;
  const isOver = isOpen && isSettled && !needsAllNodes;
  const { status, events } = (isOver ? closeRound : reportProgress)(next, hasAllItsJobs, world);
  const ended = { ...next, status };
  // Retained Jobs of earlier rounds are deleted once this one has ended, which requires observing all of them.
  const needsAllJobs = isOver && !observed.hasAllJobs && retainsJobs(next, settings);
  const canDropPlacements = makes === 'removals' && !observed.hasAllNodes && hasRemovedPlacements(ended);
  return { next: ended, events, mustObserveEverything: needsAllNodes || needsAllJobs || canDropPlacements };
}
