import type { ImageCache } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { nextRound } from '#model/round/next-round.ts';
import type { Node } from '#model/node/node.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import { currentDesiredImages } from '#model/desired/images-to-remove.ts';
import type { World } from '#model/world.ts';

/**
 * What anybody wants on the node: this cache itself, unless it is purged, and all others that are not, nor are to be. Of caches that are
 * purged at the same time each would otherwise spare what the others still seem to want; as it is, the last to look sees what all were asked.
 */
export function imagesToKeep(node: Node, world: World, cache: ImageCache): readonly string[] {
  const caches = [cache, ...staying(world)];
  return [
    ...new Set(caches.flatMap((each) => currentDesiredImages(each, node, world.settings)?.images ?? [])),
  ].toSorted();
}

/**
 * Whether another cache wants some of these images on the node and has not acted on that yet. What is spared for it is its own to remove,
 * and that is only what it has in its ledger: a wish that is edited away before anybody acts on it would leave the image to nobody.
 * A suspended cache acts on nothing, and is not waited for.
 */
export function waitsForOtherCaches(node: Node, images: readonly string[], world: World): boolean {
  const going = new Set(images.map(normalisedReference));
  return staying(world).some((other) => {
    const want = other.spec.suspend ? undefined : currentDesiredImages(other, node, world.settings);
    const entry = ownEntry(other.status.nodes, node.name);
    if (want === undefined || (entry?.id === node.id && entry.desiredHash === want.hash)) return false;
    return want.images.some((image) => going.has(normalisedReference(image)));
  });
}

const staying = ({ observed, now }: World): readonly ImageCache[] =>
  observed.removals.otherCaches.filter(
    (other) => !other.isBeingDeleted && nextRound(other, now)?.operation !== 'Purge',
  );
