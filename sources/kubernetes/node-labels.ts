import type { ImageCache } from '#model/cache/image-cache.ts';
import { meaningfulLabels } from '#model/node/node.ts';
import { hash32 } from '#model/text/hash.ts';
import { textsAt } from './json.ts';

/** The labels of a Node: for each the hash of its key, and of key and value, as thousands of Nodes have dozens of them. */
export type NodeLabels = Uint32Array;

export const nodeLabels = (node: unknown): NodeLabels =>
  Uint32Array.from(
    Object.entries(textsAt(node, 'metadata', 'labels')).flatMap(([key, value]) => [
      hash32(key),
      hash32(`${key}=${value}`),
    ]),
  );

/** Hashes of the keys of which one Node has another label, or only one of the two has one. */
export function changedKeys(previous: NodeLabels, current: NodeLabels): ReadonlySet<number> {
  const [before, after] = [new Set(previous), new Set(current)];
  const differing = (labels: NodeLabels, others: ReadonlySet<number>): readonly number[] =>
    [...labels].filter((_, index) => index % 2 === 0 && !others.has(labels[index + 1] ?? 0));
  return new Set([...differing(previous, after), ...differing(current, before)]);
}

/** Hashes of the keys that a cache depends on, computed once for each version of it. */
const used = new WeakMap<ImageCache, readonly number[]>();

/** Whether a decision on a cache may depend on a label with one of these keys. Waves by a key of the operator's follow with the tick. */
export function dependsOn(cache: ImageCache, keys: ReadonlySet<number>): boolean {
  const known = used.get(cache) ?? usedKeys(cache).map(hash32);
  used.set(cache, known);
  return known.some((key) => keys.has(key));
}

const usedKeys = ({ spec }: ImageCache): readonly string[] => [
  ...meaningfulLabels,
  ...(spec.rollout === undefined ? [] : [spec.rollout.topologyKey]),
  ...spec.lists.flatMap(({ nodeSelector, nodeMatchExpressions }) => [
    ...Object.keys(nodeSelector),
    ...nodeMatchExpressions.map(({ key }) => key),
  ]),
];
