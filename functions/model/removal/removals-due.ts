import { freeNodeSlots, maxNodesStarted } from '#model/pull/start-nodes.ts';
import { criSocket } from '#model/node/cri-socket.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { waitsForOtherCaches, imagesToKeep } from './kept-images.ts';
import type { Pod } from '#model/job/pod.ts';
import type { Job } from '#model/job/job.ts';
import type { JobToDelete } from '#model/plan.ts';
import { removalJob, removalJobName, type RemovalJob } from './removal-job.ts';
import type { RemovalEntry, RemovalLedger } from '#model/cache/removal-ledger.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

export type StartedRemovals = {
  readonly removals: RemovalLedger;
  /** Nodes wait that could be served, if all were looked at. */
  readonly hasMore: boolean;
  /** Nodes wait until the Pods that pulled for this cache have left, or until another cache has acted: nobody tells of that. */
  readonly waits: boolean;
};

/** The removals with the next nodes claimed. A node's own pulls end first: what a new image shares with an old one is then kept. */
export function startRemovals(world: World, cache: ImageCache): StartedRemovals {
  const { removals, nodes } = cache.status;
  const { removals: seen } = world.observed;
  const waiting = Object.entries(removals).filter(([name, entry]) => {
    const pull = ownEntry(nodes, name);
    return entry.state === 'Pending' && (pull === undefined || !isUnsettled(pull));
  });
  const removing = Object.values(removals).filter(({ state }) => state === 'Removing').length;
  const free = Math.min(
    freeNodeSlots(cache, world.settings, { at: removing, of: Object.keys(removals).length }),
    maxNodesStarted,
  );
  if (!seen.hasAll) return { removals, hasMore: waiting.length > 0 && free > 0, waits: false };
  const ready = waiting.filter(([name, { id, imagesHash }]) => {
    const node = world.observed.nodes.get(name);
    return (
      node !== undefined && !seen.busyNodes.has(id) && !waitsForOtherCaches(node, imagesOf(cache, imagesHash), world)
    );
  });
  const claimed = ready.slice(0, free).map(([name, entry]) => [name, claimedOn(name, entry, world)] as const);
  return {
    removals: { ...removals, ...Object.fromEntries(claimed) },
    hasMore: false,
    waits: ready.length < waiting.length,
  };
}

function claimedOn(name: string, entry: RemovalEntry, { observed, settings }: World): RemovalEntry {
  const node = observed.nodes.get(name);
  if (node !== undefined && criSocket(node, settings) !== undefined)
    return { ...entry, state: 'Removing', attempt: entry.attempt + 1 };
  const message = `Where ${node?.containerRuntime ?? ''} listens is not known: set CRI_SOCKET_PATH`;
  return { ...entry, state: 'Failed', reason: 'UnknownRuntime', message };
}

const imagesOf = ({ status }: ImageCache, want: string): readonly string[] => ownEntry(status.toRemove, want) ?? [];

/** The removal Jobs that are known not to be there: just claimed, or missing although all were seen. */
export function removalJobsToCreate(world: World, cache: ImageCache): readonly RemovalJob[] {
  if (!world.observed.removals.hasAll) return [];
  return Object.entries(cache.status.removals).flatMap(([name, entry]) => {
    const node = world.observed.nodes.get(name);
    if (entry.state !== 'Removing' || node?.id !== entry.id) return [];
    if (world.observed.removals.jobs.has(removalJobName(cache, entry))) return [];
    const socket = criSocket(node, world.settings);
    if (socket === undefined) return [];
    const remove = imagesOf(cache, entry.imagesHash);
    if (waitsForOtherCaches(node, remove, world)) return [];
    const order = { remove, keep: imagesToKeep(node, world, cache), purge: world.settings.purge };
    return [removalJob({ cache, node, socket, entry, removal: order, settings: world.settings })];
  });
}

/** Removal Jobs at work that nothing waits for any more; those that have ended go by themselves. */
export function removalJobsToDelete(world: World, cache: ImageCache): readonly JobToDelete[] {
  const needed = new Set(
    Object.values(cache.status.removals)
      .filter(({ state }) => state === 'Removing')
      .map((entry) => removalJobName(cache, entry)),
  );
  return [...world.observed.removals.jobs].flatMap(([name, { job, pod }]) => {
    const uid = job?.uid ?? pod?.jobUid;
    const isLeft = needed.has(name) || hasEnded(job, pod) || job?.isBeingDeleted === true;
    return uid === undefined || isLeft ? [] : [{ name, uid }];
  });
}

/** A container tells its result a second before the kubelet says that the Pod has ended. */
function hasEnded(job: Job | undefined, pod: Pod | undefined): boolean {
  const hasResult = pod?.containers.some(({ state }) => state === 'terminated') === true;
  return job?.outcome === 'Complete' || job?.outcome === 'Failed' || hasResult;
}
