import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Limits, Settings } from '#model/cache/settings.ts';
import type { NodePulls } from './live-pull.ts';

/**
 * How many Jobs of a cache pull at once on a node: no more than its namespace may have there beside failed Jobs that are
 * retained, which have half of all, or it would wait for them for ever.
 */
export function pullsPerNode({ spec }: ImageCache, { limits }: Settings): number {
  return Math.max(1, Math.min(spec.pullsPerNode, namespaceLimit(limits) - Math.floor(limits.podsPerNode / 2)));
}

/**
 * Whether so many more Pods of a namespace may pull on a node beside those of other caches. While several namespaces pull
 * there, each may add Pods until it has an equal share; one without any needs no more than free slots.
 */
export function hasFreeSlots(pods: number, namespace: string, { beside, limits }: NodeInUse): boolean {
  if (limits.podsPerNode === 0) return true;
  const most = namespaceLimit(limits);
  const own = beside.get(namespace) ?? 0;
  // A namespace never has more than its limit there, unless somebody else uses our labels: that must not block others.
  const others = [...beside].flatMap(([name, count]) => (name === namespace ? [] : [Math.min(count, most)]));
  if (sum(others) + own + pods > limits.podsPerNode) return false;
  const share = Math.ceil(limits.podsPerNode / (others.length + 1));
  return own === 0 || (own < share && own + pods <= most);
}

export type NodeInUse = { readonly beside: NodePulls; readonly limits: Limits };

/** How many pull Pods one namespace may have on a node; Infinity without a limit. Where it is limited, a slot is left for others. */
function namespaceLimit({ podsPerNode, namespacePodsPerNode }: Limits): number {
  if (podsPerNode === 0) return Infinity;
  if (namespacePodsPerNode === 0) return podsPerNode;
  return Math.max(1, Math.min(namespacePodsPerNode, podsPerNode - 1));
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
