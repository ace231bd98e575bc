import type { ImageCache } from '#model/cache/image-cache.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImagesOf, type DesiredImages } from './desired-images.ts';

/** Maximum number of combinations of lists to try: few nodes are selected by more than two lists. */
const maxTries = 1000;

/**
 * The desired images of a spec that was edited since, as far as they can be restored. The status records a desired hash
 * with the indexes of its lists in the former spec, and the placements have those lists: the combination with that hash
 * is the former one.
 */
export function formerDesired(cache: ImageCache, settings: Settings): ReadonlyMap<string, DesiredImages> {
  const { placements, desired } = cache.status;
  const former = { ...cache, spec: { ...cache.spec, lists: placements } };
  const sizes = new Set(Object.values(desired).map(({ length }) => length));
  const found = new Map<string, DesiredImages>();
  let tries = 0;
  for (const size of sizes)
    for (const lists of combinations(placements.length, size)) {
      if ((tries += 1) > maxTries) return found;
      const candidate = desiredImagesOf(former, lists, settings);
      if (ownEntry(desired, candidate.hash) !== undefined) found.set(candidate.hash, candidate);
    }
  return found;
}

/** All ascending combinations of `size` of the numbers below `count`. */
function* combinations(count: number, size: number, first = 0): Generator<readonly number[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let index = first; index <= count - size; index += 1)
    for (const rest of combinations(count, size - 1, index + 1)) yield [index, ...rest];
}
