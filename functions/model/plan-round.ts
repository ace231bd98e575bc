import { boundedFailures } from '#model/cache/failures.ts';
import { startNodes } from '#model/pull/start-nodes.ts';
import { closeRound } from '#model/round/close-round.ts';
import { recordResults } from '#model/pull/record-results.ts';
import { recordRemovals } from '#model/removal/record-removals.ts';
import { isRoundOpen, type ImageCache, type Status, isPurged } from '#model/cache/image-cache.ts';
import { jobsToCreate, jobsToDelete } from '#model/pull/jobs-due.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { hasRemovedPlacements, withoutRemovedPlacements } from '#model/desired/placements.ts';
import type { Plan } from './plan.ts';
import { openRoundStatus, idleStatus } from '#model/round/open-conditions.ts';
import { isWaiting, removalEvents } from '#model/removal/removal-report.ts';
import { retainsJobs } from '#model/pull/retained-jobs.ts';
import { startRemovals, removalJobsToCreate, removalJobsToDelete } from '#model/removal/removals-due.ts';
import { skipUnavailable, syncLedger } from '#model/pull/sync-ledger.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import { syncRemovals } from '#model/removal/sync-removals.ts';
import { isSameStatus } from '#model/desired/serialize-status.ts';
import type { World } from './world.ts';

/**
 * What does the cache's latest round need now? Nodes that came, went or changed; results to fold; Jobs to make and to delete; its end.
 * `cache` is the world's cache, or that with a round just opened. Outside an open round the same serves nodes that join,
 * and removes what nobody wants any more.
 */
export function planRound(world: World, cache: ImageCache): Plan {
  const { status: surveyed, wanted } = syncLedger(world, cache);
  const looked = { ...cache, status: { ...surveyed, ...syncRemovals(world, { ...cache, status: surveyed }) } };
  const { status: folded } = recordResults(world, looked, wanted);
  const told = { ...cache, status: withRemovalsFolded(world, { ...cache, status: folded }) };
  const claimed = claims(world, { ...told, status: { ...told.status, nodes: skipUnavailable(world, told) } }, wanted);
  const { status, events, isToLook } = ended(world, {
    ...cache,
    status: tidy(world, { ...cache, status: claimed.status }),
  });
  const current = { ...cache, status };
  // Retained Jobs of the rounds before go when this one has succeeded: that takes a look at all of them.
  const isToTidy = events.length > 0 && !world.observed.hasAllJobs && retainsJobs(cache, world.settings);
  const isToForget = world.makes === 'removals' && !world.observed.hasAllNodes && hasRemovedPlacements(current);
  return {
    status: isSameStatus(status, world.before) ? undefined : status,
    createJobs: world.makes === 'pulls' ? jobsToCreate(world, current, wanted) : [],
    deleteJobs: jobsToDelete(world, current, wanted),
    createRemovalJobs: world.makes === 'removals' ? removalJobsToCreate(world, current) : [],
    deleteRemovalJobs: world.makes === 'removals' ? removalJobsToDelete(world, current) : [],
    finalizer: undefined,
    annotations: {},
    events: [...events, ...removalEvents(world.before, current)],
    observeNext: isToForget || isToLook || isToTidy ? 'unseen' : claimed.more,
    polls: claimed.waits,
  };
}

/** What was asked to go while a removal was under way had to wait for its end: it is surveyed once more, or the round would end without it. */
function withRemovalsFolded(world: World, cache: ImageCache): Status {
  const told = recordRemovals(world, cache);
  const hasEnded = Object.entries(told.removals).some(
    ([name, { state }]) => state !== cache.status.removals[name]?.state,
  );
  return hasEnded ? { ...told, ...syncRemovals(world, { ...cache, status: told }) } : told;
}

type Claimed = { readonly status: Status; readonly more: Plan['observeNext']; readonly waits: boolean };

/** Each function claims the work whose Jobs it makes. */
function claims(world: World, cache: ImageCache, wanted: DesiredByHash): Claimed {
  if (world.makes === 'pulls') return { ...startNodes(world, cache, wanted), waits: false };
  const { removals, hasMore, waits } = startRemovals(world, cache);
  return { status: { ...cache.status, removals }, more: hasMore ? 'unseen' : 'none', waits };
}

function tidy(world: World, cache: ImageCache): Status {
  const status = withoutRemovedPlacements(world, cache);
  return { ...status, desired: wantsInUse(status), failures: boundedFailures(status.failures) };
}

/** `isToLook`: the round could end, if all nodes were looked at. */
type Ended = Pick<Plan, 'events'> & { readonly status: Status; readonly isToLook: boolean };

/**
 * A round ends with its last unsettled node, and in the write that settles it. A purge ends when all has gone that can, in a look at all
 * nodes: what it is to take from a node on which a removal was under way is not known before that has ended.
 */
function ended(world: World, cache: ImageCache): Ended {
  const { observed, now } = world;
  const isPurge = isPurged(cache);
  const isSettled = isPurge ? !isWaiting(world, cache.status) : !Object.values(cache.status.nodes).some(isUnsettled);
  const isToLook = isPurge && isSettled && !observed.hasAllNodes && isRoundOpen(cache.status);
  if (!isRoundOpen(cache.status))
    return { status: isSettled ? idleStatus(cache, now) : cache.status, events: [], isToLook };
  if (!isSettled || isToLook) return { status: openRoundStatus(cache, observed, now), events: [], isToLook };
  return { ...closeRound(world, cache), isToLook };
}

/** Forgets what no node is to hold any more. */
function wantsInUse({ nodes, desired }: Status): Status['desired'] {
  const used = new Set(Object.values(nodes).map(({ desiredHash }) => desiredHash));
  return Object.fromEntries(Object.entries(desired).filter(([want]) => used.has(want)));
}
