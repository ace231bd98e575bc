import { boundedFailures } from './failures.ts';
import { claim } from './claim.ts';
import { closed } from './close-round.ts';
import { fold } from './fold.ts';
import { isRoundOpen, type ImageCache, type Status } from './image-cache.ts';
import { jobsToCreate, jobsToRemove, retainsJobs } from './jobs-due.ts';
import { isUnsettled, type Ledger } from './ledger.ts';
import type { Plan } from './plan.ts';
import { openStatus, quietStatus } from './refused.ts';
import { setAside, survey } from './survey.ts';
import { isSameStatus } from './status.ts';
import type { World } from './world.ts';

/**
 * What does the cache's latest round need now? Nodes that came, went or changed; results to fold; Jobs to make and to delete; its end.
 * `cache` is the world's cache, or that with a round just opened. Outside an open round the same serves nodes that join.
 */
export function advance(world: World, cache: ImageCache): Plan {
  const surveyed = survey(world, cache);
  const folded = fold(world, { ...cache, status: surveyed.status }, surveyed.wanted);
  const nodes = setAside(world, { ...cache, status: folded.status });
  const claimed = claim(world, { ...cache, status: { ...folded.status, nodes } }, surveyed.wanted);
  const current = {
    ...cache,
    status: {
      ...claimed.status,
      wants: wantsInUse(claimed.status),
      failures: boundedFailures(claimed.status.failures),
    },
  };
  const { status, events } = ended(world, current);
  const ledger = { ...cache, status };
  return {
    status: isSameStatus(status, world.cache) ? undefined : status,
    create: jobsToCreate(world, ledger, surveyed.wanted),
    remove: jobsToRemove(world, ledger, surveyed.wanted),
    annotations: {},
    events,
    // Retained Jobs of the rounds before go when this one has succeeded: that takes a look at all of them.
    hasMore: claimed.hasMore || (events.length > 0 && !world.observed.hasAllJobs && retainsJobs(cache, world.settings)),
  };
}

/** A round ends with its last unsettled node, and in the write that settles it. */
function ended(world: World, cache: ImageCache): Pick<Plan, 'events'> & { readonly status: Status } {
  const { observed, now } = world;
  const isSettled = !hasUnsettled(cache.status.nodes);
  if (!isRoundOpen(cache.status)) return { status: isSettled ? quietStatus(cache, now) : cache.status, events: [] };
  return isSettled ? closed(world, cache) : { status: openStatus(cache, observed, now), events: [] };
}

const hasUnsettled = (nodes: Ledger): boolean => Object.values(nodes).some(isUnsettled);

/** Forgets what no node is to hold any more. */
function wantsInUse({ nodes, wants }: Status): Status['wants'] {
  const used = new Set(Object.values(nodes).map(({ want }) => want));
  return Object.fromEntries(Object.entries(wants).filter(([want]) => used.has(want)));
}
