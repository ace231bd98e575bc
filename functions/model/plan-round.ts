import { boundedFailures } from '#model/cache/failures.ts';
import { claim } from '#model/pull/start-nodes.ts';
import { closed } from '#model/round/close-round.ts';
import { fold } from '#model/pull/record-results.ts';
import { foldRemovals } from '#model/removal/record-removals.ts';
import { isRoundOpen, type ImageCache, type Status } from '#model/cache/image-cache.ts';
import { jobsToCreate, jobsToRemove } from '#model/pull/jobs-due.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { isPurged } from '#model/round/next-round.ts';
import { hasCleared, withoutCleared } from '#model/desired/placements.ts';
import type { Plan } from './plan.ts';
import { openStatus, quietStatus } from '#model/round/open-conditions.ts';
import { isHeldUp, removalEvents } from '#model/removal/removal-report.ts';
import { retainsJobs } from '#model/pull/retained-jobs.ts';
import { claimRemovals, removalsToCreate, removalsToRemove } from '#model/removal/removals-due.ts';
import { setAside, survey, type WantedByHash } from '#model/pull/sync-ledger.ts';
import { surveyRemovals } from '#model/removal/sync-removals.ts';
import { isSameStatus } from '#model/desired/serialize-status.ts';
import type { World } from './world.ts';

/**
 * What does the cache's latest round need now? Nodes that came, went or changed; results to fold; Jobs to make and to delete; its end.
 * `cache` is the world's cache, or that with a round just opened. Outside an open round the same serves nodes that join,
 * and removes what nobody wants any more.
 */
export function advance(world: World, cache: ImageCache): Plan {
  const { status: surveyed, wanted } = survey(world, cache);
  const looked = { ...cache, status: { ...surveyed, ...surveyRemovals(world, { ...cache, status: surveyed }) } };
  const { status: folded } = fold(world, looked, wanted);
  const told = { ...cache, status: withRemovalsFolded(world, { ...cache, status: folded }) };
  const claimed = claims(world, { ...told, status: { ...told.status, nodes: setAside(world, told) } }, wanted);
  const { status, events, isToLook } = ended(world, {
    ...cache,
    status: tidy(world, { ...cache, status: claimed.status }),
  });
  const current = { ...cache, status };
  // Retained Jobs of the rounds before go when this one has succeeded: that takes a look at all of them.
  const isToTidy = events.length > 0 && !world.observed.hasAllJobs && retainsJobs(cache, world.settings);
  const isToForget = world.makes === 'removals' && !world.observed.hasAllNodes && hasCleared(current);
  return {
    status: isSameStatus(status, world.cache) ? undefined : status,
    create: world.makes === 'pulls' ? jobsToCreate(world, current, wanted) : [],
    remove: jobsToRemove(world, current, wanted),
    createRemovals: world.makes === 'removals' ? removalsToCreate(world, current) : [],
    removeRemovals: world.makes === 'removals' ? removalsToRemove(world, current) : [],
    finalizer: undefined,
    annotations: {},
    events: [...events, ...removalEvents(world.cache, current)],
    more: isToForget || isToLook || isToTidy ? 'unseen' : claimed.more,
    waits: claimed.waits,
  };
}

/** What was asked to go while a removal was under way had to wait for its end: it is surveyed once more, or the round would end without it. */
function withRemovalsFolded(world: World, cache: ImageCache): Status {
  const told = foldRemovals(world, cache);
  const hasEnded = Object.entries(told.removals).some(
    ([name, { state }]) => state !== cache.status.removals[name]?.state,
  );
  return hasEnded ? { ...told, ...surveyRemovals(world, { ...cache, status: told }) } : told;
}

type Claimed = { readonly status: Status; readonly more: Plan['more']; readonly waits: boolean };

/** Each function claims the work whose Jobs it makes. */
function claims(world: World, cache: ImageCache, wanted: WantedByHash): Claimed {
  if (world.makes === 'pulls') return { ...claim(world, cache, wanted), waits: false };
  const { removals, hasMore, waits } = claimRemovals(world, cache);
  return { status: { ...cache.status, removals }, more: hasMore ? 'unseen' : 'none', waits };
}

function tidy(world: World, cache: ImageCache): Status {
  const status = withoutCleared(world, cache);
  return { ...status, wants: wantsInUse(status), failures: boundedFailures(status.failures) };
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
  const isSettled = isPurge ? !isHeldUp(world, cache.status) : !Object.values(cache.status.nodes).some(isUnsettled);
  const isToLook = isPurge && isSettled && !observed.hasAllNodes && isRoundOpen(cache.status);
  if (!isRoundOpen(cache.status))
    return { status: isSettled ? quietStatus(cache, now) : cache.status, events: [], isToLook };
  if (!isSettled || isToLook) return { status: openStatus(cache, observed, now), events: [], isToLook };
  return { ...closed(world, cache), isToLook };
}

/** Forgets what no node is to hold any more. */
function wantsInUse({ nodes, wants }: Status): Status['wants'] {
  const used = new Set(Object.values(nodes).map(({ want }) => want));
  return Object.fromEntries(Object.entries(wants).filter(([want]) => used.has(want)));
}
