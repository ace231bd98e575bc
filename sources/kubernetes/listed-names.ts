import type { ImageCache } from '#model/cache/image-cache.ts';
import { isCompleteList } from '#model/node/parse-node.ts';
import { BoundedMap } from '#model/text/bounded-map.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { hash32 } from '#model/text/hash.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { listAt } from './json.ts';

/** The names of the images that a Node lists, as hashes: thousands of Nodes list a hundred names each. undefined for a list of which nothing can leave: it is empty, or cut. */
export type ListedNames = Uint32Array | undefined;

/** Names that are remembered with their hash: a megabyte or two. */
const maxKnown = 10_000;

const known = new BoundedMap<string, number>(maxKnown);

/** A collision has the tick find a loss instead. */
function hashOf(name: string): number {
  const found = known.get(name);
  if (found !== undefined) return found;
  const hash = hash32(normalisedReference(name));
  known.set(name, hash);
  return hash;
}

export function listedNames(node: unknown): ListedNames {
  const images = listAt(node, 'status', 'images').map((image) =>
    listAt(image, 'names').filter((name) => typeof name === 'string'),
  );
  if (images.length === 0 || !isCompleteList(images.map(({ length }) => length))) return undefined;
  return Uint32Array.from(images.flat(), hashOf);
}

/** The names that have left the list of a Node. */
export function leftNames(previous: ListedNames, current: ListedNames): ReadonlySet<number> {
  if (previous === undefined || current === undefined) return new Set();
  const kept = new Set(current);
  return new Set(previous.filter((name) => !kept.has(name)));
}

/** Names of the images of a cache, computed once for each version of it. */
const desired = new WeakMap<ImageCache, readonly number[]>();

/** Whether a cache counts a node as Ready that has lost one of these names, which may be of one of its images. */
export function mayHaveLost(cache: ImageCache, node: string, left: ReadonlySet<number>): boolean {
  if (ownEntry(cache.status.nodes, node)?.state !== 'Ready') return false;
  const names = desired.get(cache) ?? cache.spec.lists.flatMap(({ images }) => images.map(hashOf));
  desired.set(cache, names);
  return names.some((name) => left.has(name));
}
