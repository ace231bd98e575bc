import { type ImageCache, type ImageList, type Placement, type Status, isPurged } from '#model/cache/image-cache.ts';
import { imagesOf, lacksOwn, sortedImages } from './desired-images.ts';
import { hasNewFound, isSpecOfRound, withFound } from '#model/cache/found-images.ts';
import { isHad } from '#model/cache/had-images.ts';
import { isNotPulled } from '#model/cache/image-states.ts';
import { hasTried, type LedgerEntry } from '#model/cache/ledger.ts';
import { isDone } from '#model/cache/removal-ledger.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/**
 * Records what this generation may place on nodes, before its first Job. Lists that are already recorded stay where they
 * are.
 */
export function withPlacements(cache: ImageCache): readonly Placement[] {
  const indexes = new Map<string, readonly number[]>();
  cache.spec.lists.forEach((list, index) => {
    const key = signature(list);
    indexes.set(key, [...(indexes.get(key) ?? []), index]);
  });
  const known = new Set(cache.status.placements.map(signature));
  const added = cache.spec.lists
    .filter(
      (list, index) => !lacksOwn(list) && !known.has(signature(list)) && indexes.get(signature(list))?.[0] === index,
    )
    .map(({ images, nodeSelector, nodeMatchExpressions, tolerations }) => {
      const nodes = { nodeSelector, nodeMatchExpressions, ...(tolerations === undefined ? {} : { tolerations }) };
      return { images, ...nodes, sinceGeneration: cache.generation };
    });
  const placements = [...cache.status.placements, ...added];
  return newestFitting(
    placements.map((placement) => ({ ...placement, lists: indexes.get(signature(placement)) ?? [] })),
  );
}

/** Maximum size of `status.placements` as JSON, in characters. */
const maxLength = 128 * 1024;

/** The newest placements, as many as fit in a status. */
function newestFitting(placements: readonly Placement[]): readonly Placement[] {
  let left = maxLength;
  return placements
    .toReversed()
    .filter((placement) => (left -= JSON.stringify(placement).length) >= 0)
    .toReversed();
}

/** The images that a node with this desired hash was made to hold, whatever its settings, secrets and lists are by now. */
export function placedImages(cache: ImageCache, desiredHash: string): readonly string[] {
  const { desired, placements, observedGeneration } = cache.status;
  const lists = ownEntry(desired, desiredHash) ?? [];
  const placed = placements.filter((placement) => placement.lists.some((index) => lists.includes(index)));
  if (placed.length > 0) return placed.flatMap(({ images }) => images);
  return observedGeneration === cache.generation && lists.length > 0 ? imagesOf(asInRound(cache), lists) : [];
}

/**
 * The images with this hash that a node with this entry may have because of this cache: those that an attempt pulled. What every
 * attempt failed to pull is somebody else's, if it is there.
 */
export function heldImages(
  cache: ImageCache,
  nodeName: string,
  entry: LedgerEntry,
  desiredHash: string,
): readonly string[] {
  const images = sortedImages(placedImages(cache, desiredHash));
  if (desiredHash !== entry.desiredHash) return images;
  const isReported = (image: string): boolean =>
    ownEntry(cache.status.failures, image)?.some(({ node }) => node === nodeName) === true;
  const isPulled = (image: string, index: number): boolean =>
    hasTried(entry) && !isNotPulled(entry, index) && !isReported(image);
  return images.filter((image, index) => isHad(entry.hadImages, index) || isPulled(image, index));
}

const inRounds = new WeakMap<ImageCache, ImageCache>();

/** The cache with the found images that its latest round is for. A list that is too long has no placement. */
function asInRound(cache: ImageCache): ImageCache {
  if (!hasNewFound(cache)) return cache;
  const known = inRounds.get(cache) ?? withFound(cache, cache.status.found);
  inRounds.set(cache, known);
  return known;
}

/**
 * The images that the indexes in ledger entries with this desired hash stand for: those of the spec that the latest round is
 * for, which an edit that is not observed yet, or a suspension, leaves behind. Empty if they are not known any more.
 */
export function ledgerImages(cache: ImageCache, desiredHash: string): readonly string[] {
  const { desired, placements } = cache.status;
  const lists = ownEntry(desired, desiredHash) ?? [];
  if (isSpecOfRound(cache)) return imagesOf(cache, lists);
  const placed = lists.map((index) => placements.find((placement) => placement.lists.includes(index)));
  return placed.includes(undefined) ? [] : sortedImages(placed.flatMap((placement) => placement?.images ?? []));
}

/** Whether all removals have succeeded, so that placements outside the spec can be dropped. */
const isAllRemoved = ({ removals }: Status): boolean => Object.values(removals).every(isDone);

/** Whether placements can be dropped once all nodes were observed. */
export const hasRemovedPlacements = (cache: ImageCache): boolean =>
  isAllRemoved(cache.status) && currentPlacements(cache).length < cache.status.placements.length;

/** Drops the placements of lists that are no longer in the spec, once their images were removed from all nodes. */
export const withoutRemovedPlacements = (cache: ImageCache, hasAllNodes: boolean): Status =>
  hasAllNodes && hasRemovedPlacements(cache) ? { ...cache.status, placements: currentPlacements(cache) } : cache.status;

function currentPlacements(cache: ImageCache): readonly Placement[] {
  const current = new Set(isPurged(cache) ? [] : cache.spec.lists.map(signature));
  return cache.status.placements.filter((placement) => current.has(signature(placement)));
}

/** Equal for lists with the same images and selectors. */
const signature = ({ images, nodeSelector, nodeMatchExpressions, tolerations }: ImageList): string =>
  JSON.stringify([
    images.toSorted(),
    Object.entries(nodeSelector).toSorted(),
    nodeMatchExpressions,
    ...(tolerations === undefined ? [] : [tolerations]),
  ]);
