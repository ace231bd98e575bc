import type { ImageCache } from '#model/cache/image-cache.ts';
import { isNodeBusy, isUnsettled } from '#model/cache/ledger.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** A cache under its key, "namespace/name". */
export type KeyedCache = readonly [key: string, cache: ImageCache];

/** Whether a cache waits for pull Pods of others to end on a node. */
export function waitsFor({ status }: ImageCache, node: string): boolean {
  const entry = ownEntry(status.nodes, node);
  return entry !== undefined && isNodeBusy(entry);
}

/**
 * Caches in the order in which they should be served: those that hold nodes by a warm gate first; then those of the namespace
 * with the fewest pull Pods on the node; then those with the fewest nodes left, so that caches finish one after another.
 */
export function inOrder(caches: readonly KeyedCache[], pods: ReadonlyMap<string, number>): readonly KeyedCache[] {
  const rank = ([, { spec, namespace, status }]: KeyedCache): readonly number[] => [
    spec.warmGate === undefined ? 1 : 0,
    pods.get(namespace) ?? 0,
    unsettledNodes(status),
  ];
  const ranked = caches.map((each) => ({ each, by: rank(each) }));
  const compare = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((order, value, index) => (order === 0 ? value - (b[index] ?? 0) : order), 0);
  return ranked.toSorted((a, b) => compare(a.by, b.by) || (a.each[0] < b.each[0] ? -1 : 1)).map(({ each }) => each);
}

/** Counted once for each version of a cache: it is asked for with each Pod that ends. */
const counts = new WeakMap<ImageCache['status'], number>();

function unsettledNodes(status: ImageCache['status']): number {
  const known = counts.get(status);
  if (known !== undefined) return known;
  const count = Object.values(status.nodes).filter(isUnsettled).length;
  counts.set(status, count);
  return count;
}
