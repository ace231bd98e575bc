import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { SparedImage } from '#model/cache/removal-ledger.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { nextRound } from '#model/round/next-round.ts';
import type { Node } from '#model/node/node.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { exceededLimit } from '#model/desired/limits.ts';
import { currentDesiredImages, retainedImages } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';

/** The images to remove from a node. */
type Removal = { readonly node: Node; readonly remove: readonly string[] };

/**
 * Images that any cache desires on the node: this one unless it is purged, and all others except those that are purged or about
 * to be. Caches that are purged together would otherwise each spare what the others still seem to desire.
 */
export function imagesToKeep({ node, remove }: Removal, world: World, cache: ImageCache): readonly string[] {
  const isNamed = namesOfSame(remove);
  const kept = [cache, ...remainingCaches(world)].map((each) => {
    const images = retainedImages(each, node, world.settings);
    return mayBePresent(each, node) ? images : images.filter((image) => isNamed(image));
  });
  const names = [...new Set(kept.flat())];
  const isShort = names.reduce((sum, { length }) => sum + length, 0) <= maxKeptBytes;
  return (isShort ? names : bounded(kept, isNamed)).toSorted();
}

/** Whether images of the cache may be on the node because of it: without an entry it has never pulled there. */
const mayBePresent = ({ status }: ImageCache, node: Node): boolean => ownEntry(status.nodes, node.name)?.id === node.id;

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

/** Each name once: those that may be of removed images, then the others in turn of the caches, so that no cache takes all the room. */
function bounded(lists: readonly (readonly string[])[], isNamed: (image: string) => boolean): readonly string[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const inTurn = Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list[index] ?? [])).flat();
  const names = new Set([...inTurn.filter((image) => isNamed(image)), ...inTurn]);
  let bytes = 0;
  return [...names].filter((name) => (bytes += name.length) <= maxKeptBytes);
}

/**
 * Whether another cache desires some of these images on the node and has not recorded that in its ledger yet. A spared image is
 * removed later by the cache that it was spared for, which knows only its ledger: were the desire edited away before, no cache
 * would remove the image. A suspended cache records nothing and is not waited for.
 */
export function waitsForOtherCaches(node: Node, images: readonly string[], world: World): boolean {
  const removed = new Set(images.map(normalisedReference));
  return remainingCaches(world).some((other) => {
    const desired = other.spec.suspend ? undefined : currentDesiredImages(other, node, world.settings);
    const entry = ownEntry(other.status.nodes, node.name);
    if (desired === undefined || (entry?.id === node.id && entry.desiredHash === desired.hash)) return false;
    return desired.images.some((image) => removed.has(normalisedReference(image)));
  });
}

const remainingCaches = ({ observed, settings, now }: World): readonly ImageCache[] =>
  observed.removals.otherCaches.filter(
    (other) =>
      !other.isBeingDeleted &&
      nextRound(other, now)?.operation !== 'Purge' &&
      exceededLimit(other, settings.limits) === undefined,
  );

/** Whether the reason of a spared image names the image only, as the Job reports it, and not yet the caches that want it. */
const isUnnamed = ({ image, reason, by }: SparedImage): boolean => reason === 'Wanted' && by === image;

export const hasUnnamed = ({ status }: ImageCache): boolean =>
  Object.values(status.removals).some(({ sparedImages }) => sparedImages.some(isUnnamed));

/** Names the caches that images are spared for, `namespace/name`: removal Jobs know images, not their caches. */
export function withNamedKeepers(world: World, cache: ImageCache): ImageCache {
  if (!world.observed.removals.hasAll || !hasUnnamed(cache)) return cache;
  const removals = Object.entries(cache.status.removals).map(([name, entry]) => {
    const node = world.observed.nodes.get(name);
    if (node === undefined || !entry.sparedImages.some(isUnnamed)) return [name, entry] as const;
    const sparedImages = entry.sparedImages.map((spared) =>
      isUnnamed(spared) ? withKeepers(spared, node, world) : spared,
    );
    return [name, { ...entry, sparedImages }] as const;
  });
  return withStatus(cache, { removals: Object.fromEntries(removals) });
}

function withKeepers(spared: SparedImage, node: Node, world: World): SparedImage {
  const reference = normalisedReference(spared.image);
  const keepers = remainingCaches(world).filter((other) =>
    retainedImages(other, node, world.settings).some((image) => normalisedReference(image) === reference),
  );
  const names = keepers.map(({ namespace, name }) => `${namespace}/${name}`).toSorted();
  return names.length === 0 ? spared : { ...spared, by: names.slice(0, 3).join(', ') };
}
