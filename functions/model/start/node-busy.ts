import type { ImageCache } from '#model/cache/image-cache.ts';
import { isNodeBusy, nodeBusy as reason } from '#model/cache/ledger.ts';
import type { Limits, Settings } from '#model/cache/settings.ts';
import type { ReasonToWait } from './reason-to-wait.ts';

/**
 * A node waits while the pull Pods of the cache would be too many there, together with those of other caches. Alone on a
 * node, a cache may always start.
 */
export const nodeBusy: ReasonToWait = {
  records: { reason },
  prepare: ({ otherPulls, settings }, cache) => ({
    waits: ({ entry, node, images }) => {
      // Our source reports a node as soon as it can start.
      if (node === undefined) return isNodeBusy(entry);
      const others = otherPulls.get(entry.id);
      const pods = Math.min(pullsPerNode(cache, settings), images.length);
      return others !== undefined && !hasFreeSlots(pods, cache.namespace, others, settings.limits);
    },
  }),
};

/**
 * How many Jobs of a cache pull at once on a node: no more than its namespace may have there beside failed Jobs that are
 * retained, which have half of all, or it would wait for them for ever.
 */
export function pullsPerNode({ spec }: ImageCache, { limits, jobsMaxSurge }: Settings): number {
  const most = Math.min(namespaceLimit(limits) - Math.floor(limits.podsPerNode / 2), jobsMaxSurge || Infinity);
  return Math.max(1, Math.min(spec.pullsPerNode, most));
}

/**
 * Whether so many more Pods of a namespace may pull on a node besides those of other caches. While several namespaces pull
 * there, each may add Pods until it has an equal share; one without any needs no more than free slots.
 */
export function hasFreeSlots(pods: number, namespace: string, pulls: NodePulls, limits: Limits): boolean {
  if (limits.podsPerNode === 0) return true;
  const most = namespaceLimit(limits);
  const own = pulls.get(namespace) ?? 0;
  // A namespace never has more than its limit there, unless somebody else uses our labels: that must not block others.
  const others = [...pulls].flatMap(([name, count]) => (name === namespace ? [] : [Math.min(count, most)]));
  if (sum(others) + own + pods > limits.podsPerNode) return false;
  const share = Math.ceil(limits.podsPerNode / (others.length + 1));
  return own === 0 || (own < share && own + pods <= most);
}

/** How many pull Pods one namespace may have on a node; Infinity without a limit. Where it is limited, a slot is left for others. */
function namespaceLimit({ podsPerNode, namespacePodsPerNode }: Limits): number {
  if (podsPerNode === 0) return Infinity;
  if (namespacePodsPerNode === 0) return podsPerNode;
  return Math.max(1, Math.min(namespacePodsPerNode, podsPerNode - 1));
}

/** A pull Job whose Pod takes a slot of a node. */
export type LivePull = {
  readonly namespace: string;
  readonly job: string;
  readonly nodeId: string;
  readonly cacheUid: string;
};

/** How many pull Pods of other caches are on a node, by namespace. */
export type NodePulls = ReadonlyMap<string, number>;

/** How many they are over all namespaces. */
export const podsIn = (pulls: NodePulls | undefined): number => sum([...(pulls?.values() ?? [])]);

/** The pulls of other caches on each node, by node id; each Job once. */
export function pullsByNode(pulls: readonly LivePull[], ownUid: string): ReadonlyMap<string, NodePulls> {
  const jobs = new Map(pulls.map((pull) => [`${pull.namespace}/${pull.job}`, pull]));
  const nodes = new Map<string, Map<string, number>>();
  for (const { namespace, nodeId, cacheUid } of jobs.values()) {
    if (cacheUid === ownUid) continue;
    const node = nodes.get(nodeId) ?? new Map<string, number>();
    node.set(namespace, (node.get(namespace) ?? 0) + 1);
    nodes.set(nodeId, node);
  }
  return nodes;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
