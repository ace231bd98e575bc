import type { ImageCache } from '#model/cache/image-cache.ts';
import { currentDesiredImages, retainedImages } from '#model/desired/desired-images.ts';
import { exceededLimit } from '#model/desired/limits.ts';
import type { Node } from '#model/node/node.ts';
import { nextRound } from '#model/round/next-round.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { World } from '#model/world.ts';

/**
 * All other caches except those that are purged, deleted or refused, or about to be. Caches that are purged together would
 * otherwise each spare what the others still seem to desire.
 */
export const remainingCaches = ({ observed, settings, now }: World): readonly ImageCache[] =>
  observed.removals.otherCaches.filter(
    (other) =>
      !other.isBeingDeleted &&
      nextRound(other, now)?.operation !== 'Purge' &&
      exceededLimit(other, settings.limits) === undefined,
  );

/** Images that pull and removal Jobs run. No purge may take them, under none of their names: the next Job would fail. */
export const ownImages = ({ noopImage, removalImage }: Settings): readonly string[] =>
  [noopImage, removalImage].filter((image) => image !== '');

/** Our own images, and those that one of these caches desires on the node: a removal of `remove` must not take them along. */
export function imagesToKeep(
  remove: readonly string[],
  caches: readonly ImageCache[],
  node: Node,
  settings: Settings,
): readonly string[] {
  const isNamed = namesOfSame(remove);
  const kept = caches.map((cache) => {
    const images = retainedImages(cache, node, settings);
    // Without an entry, the cache has never pulled on the node.
    const mayBePresent = ownEntry(cache.status.nodes, node.name)?.id === node.id;
    return mayBePresent ? images : images.filter((image) => isNamed(image));
  });
  const names = [...new Set(kept.flat())];
  const isShort = names.reduce((sum, { length }) => sum + length, 0) <= maxKeptBytes;
  return [...ownImages(settings), ...(isShort ? names : bounded(kept, isNamed)).toSorted()];
}

/** Whether a name may refer to a removed image, also if another cache pulled it: it has the same repository or digest. */
function namesOfSame(removed: readonly string[]): (image: string) => boolean {
  const references = removed.map(parseImageReference);
  const repositories = new Set(references.map(({ registry, repository }) => `${registry}/${repository}`));
  const digests = new Set(references.flatMap(({ digest }) => (digest === '' ? [] : [digest])));
  return (image) => {
    const { registry, repository, digest } = parseImageReference(image);
    return repositories.has(`${registry}/${repository}`) || digests.has(digest);
  };
}

/** Bytes of names in one Job, which together with the images to remove stays far below the size of an object. */
const maxKeptBytes = 262_144;

/** Each name once: those that may be of removed images, then the others alternating between caches, so that no cache takes all the space. */
function bounded(lists: readonly (readonly string[])[], isNamed: (image: string) => boolean): readonly string[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const mixed = Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list[index] ?? [])).flat();
  const names = new Set([...mixed.filter((image) => isNamed(image)), ...mixed]);
  let bytes = 0;
  return [...names].filter((name) => (bytes += name.length) <= maxKeptBytes);
}

/**
 * Whether another cache desires some of these images on the node and has not recorded that in its ledger yet. A spared image is
 * removed later by the cache that it was spared for, which knows only its ledger: if its spec were edited before, no cache
 * would remove the image. A suspended cache records nothing and is not waited for.
 */
export function waitsForOtherCaches(
  images: readonly string[],
  caches: readonly ImageCache[],
  node: Node,
  settings: Settings,
): boolean {
  const removed = new Set(images.map(normalisedReference));
  return caches.some((other) => {
    const desired = other.spec.suspend ? undefined : currentDesiredImages(other, node, settings);
    const entry = ownEntry(other.status.nodes, node.name);
    if (desired === undefined || (entry?.id === node.id && entry.desiredHash === desired.hash)) return false;
    return desired.images.some((image) => removed.has(normalisedReference(image)));
  });
}
