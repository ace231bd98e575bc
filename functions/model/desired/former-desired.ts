import type { ImageCache } from '#model/cache/image-cache.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImagesOf, type DesiredImages } from './desired-images.ts';

/** Combinations of lists that are tried at most: a node is seldom selected by more than two. */
const mostTries = 1000;

/**
 * What nodes were to hold by a spec that has been edited since, as far as it can be told: the status remembers a want by the places of its
 * lists in that spec, and beside it the lists that were placed; those whose images give the same hash are the ones.
 */
export function formerDesired(cache: ImageCache, settings: Settings): ReadonlyMap<string, DesiredImages> {
  const { placements, desired } = cache.status;
  const former = { ...cache, spec: { ...cache.spec, lists: placements } };
  const sizes = new Set(Object.values(desired).map(({ length }) => length));
  const found = new Map<string, DesiredImages>();
  let tries = 0;
  for (const size of sizes)
    for (const lists of combinations(placements.length, size)) {
      if ((tries += 1) > mostTries) return found;
      const wanted = desiredImagesOf(former, lists, settings);
      if (ownEntry(desired, wanted.hash) !== undefined) found.set(wanted.hash, wanted);
    }
  return found;
}

/** Every choice of so many of the first `count` numbers, in ascending order. */
function* combinations(count: number, size: number, first = 0): Generator<readonly number[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let index = first; index <= count - size; index += 1)
    for (const rest of combinations(count, size - 1, index + 1)) yield [index, ...rest];
}
