import { type ImageCache, isPurged, isRoundOpen, withStatus } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { type RemovalEntry, failedRemovalEntry, isRetryDue } from '#model/cache/removal-ledger.ts';
import { freeNodeSlots, maxNodesStarted } from '#model/desired/node-limit.ts';
import { busyNodes } from '#model/job/job-times.ts';
import { criSocket } from '#model/node/node.ts';
import type { Plan } from '#model/plan.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { waitsForOtherCaches } from './kept-images.ts';

type Started = Pick<Plan, 'observeNext' | 'polls'> & { readonly next: ImageCache };

/**
 * Starts pending removals, as many nodes as may be at work at once. A node's own pulls end first: layers that a new image shares
 * with a removed one are then kept. A node that a stopped rollout holds keeps what it has. Polls while nodes wait for Pods to
 * leave or for other caches, which no event reports.
 */
export function startRemovals(world: World, cache: ImageCache): Started {
  const { observed, settings, now } = world;
  const { removals, toRemove } = cache.status;
  const pending = dueRemovals(cache, now);
  const running = Object.values(removals).filter(({ state }) => state === 'Removing').length;
  const total = Object.keys(removals).length;
  const slots = Math.min(freeNodeSlots(cache, settings, { running, total }), maxNodesStarted);
  if (!observed.removals.hasAll)
    return { next: cache, observeNext: pending.length > 0 && slots > 0 ? 'everything' : 'nothing', polls: false };
  const busy = busyNodes(observed.removals.pullPods, cache);
  const startable = pending.filter(([name, { id, imagesHash }]) => {
    const node = observed.nodes.get(name);
    if (node === undefined || busy.has(id)) return false;
    return !waitsForOtherCaches(node, ownEntry(toRemove, imagesHash) ?? [], world);
  });
  const started = startable.slice(0, slots).map(([name, entry]) => [name, startedEntry(name, entry, world)] as const);
  return {
    next: withStatus(cache, { removals: { ...removals, ...Object.fromEntries(started) } }),
    observeNext: 'nothing',
    polls: startable.length < pending.length,
  };
}

/**
 * Nodes whose removal is to start, those that wait for a first attempt before those that failed, or the latter would take all slots.
 * A purge ends before it tries again what failed: it would not end otherwise. A deletion tries for as long as it waits.
 */
function dueRemovals(cache: ImageCache, now: number): readonly (readonly [string, RemovalEntry])[] {
  const { status } = cache;
  const isEnding = isPurged(cache) && isRoundOpen(status) && status.round?.trigger !== 'Deletion';
  return Object.entries(status.removals)
    .filter(([name, entry]) => {
      const pull = ownEntry(status.nodes, name);
      const isDue = entry.state === 'Pending' || (!isEnding && isRetryDue(entry, now));
      return isDue && (pull === undefined || !(isUnsettled(pull) || pull.state === 'Held'));
    })
    .toSorted(([, a], [, b]) => (a.retryTime ?? 0) - (b.retryTime ?? 0));
}

function startedEntry(name: string, entry: RemovalEntry, { observed, settings, now }: World): RemovalEntry {
  const node = observed.nodes.get(name);
  const started = { ...entry, attempt: entry.attempt + 1, retryTime: undefined };
  if (node !== undefined && criSocket(node, settings) !== undefined)
    return { ...started, state: 'Removing', reason: '', message: '' };
  const message = `The socket of ${node?.containerRuntime ?? ''} is not known: set CRI_SOCKET_PATH`;
  return failedRemovalEntry(started, { reason: 'UnknownRuntime', message }, now);
}
