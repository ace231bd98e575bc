import { type ImageCache, type ImageList, type Placement, type Status, isPurged } from '#model/cache/image-cache.ts';
import type { World } from '#model/world.ts';

/** Remembers what this generation may place on nodes, before its first Job; a list that is remembered already keeps its place. */
export function withPlacements(cache: ImageCache): readonly Placement[] {
  const known = new Set(cache.status.placements.map(signature));
  const added = cache.spec.lists
    .map(({ images, nodeSelector, nodeMatchExpressions }) => {
      return { images, nodeSelector, nodeMatchExpressions, sinceGeneration: cache.generation };
    })
    .filter((placed) => !known.has(signature(placed)));
  return newestFitting([...cache.status.placements, ...added]);
}

/** As many of the newest as a status has room for. */
function newestFitting(placed: readonly Placement[]): readonly Placement[] {
  let room = 128 * 1024;
  return placed
    .toReversed()
    .filter((entry) => (room -= JSON.stringify(entry).length) >= 0)
    .toReversed();
}

/** Whether everything that was to go has gone, so that it need not be remembered any more. */
const isAllRemoved = ({ removals }: Status): boolean =>
  Object.values(removals).every(({ state }) => state === 'Removed');

/** Whether some of what is remembered could be forgotten, if all nodes were looked at. */
export const hasRemovedPlacements = (cache: ImageCache): boolean =>
  isAllRemoved(cache.status) && stillPlaced(cache).length < cache.status.placements.length;

/** The status without memory of lists that are no longer in the spec, once nothing of them is left anywhere. */
export function withoutRemovedPlacements({ observed }: World, cache: ImageCache): Status {
  const { status } = cache;
  return observed.hasAllNodes && hasRemovedPlacements(cache) ? { ...status, placements: stillPlaced(cache) } : status;
}

function stillPlaced(cache: ImageCache): readonly Placement[] {
  const current = new Set(isPurged(cache) ? [] : cache.spec.lists.map(signature));
  return cache.status.placements.filter((list) => current.has(signature(list)));
}

/** What makes one list of images and nodes another. */
const signature = ({ images, nodeSelector, nodeMatchExpressions }: ImageList): string =>
  JSON.stringify([images.toSorted(), Object.entries(nodeSelector).toSorted(), nodeMatchExpressions]);
