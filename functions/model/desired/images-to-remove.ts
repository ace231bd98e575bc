import { hash } from '#model/text/hash.ts';
import { type ImageCache, type Status, isPurged } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImages } from './desired-images.ts';
import { type Labelled, selectsNode } from './node-selector.ts';

/** The desired images of a node; undefined if no list selects it or the cache is purged. */
export const currentDesiredImages = (
  cache: ImageCache,
  node: Labelled,
  settings: Settings,
): ReturnType<typeof desiredImages> => (isPurged(cache) ? undefined : desiredImages(cache, node, settings));

/**
 * What a node would have to have without its taints: these images stay where they are. A taint may pass, so it keeps new pulls off
 * and removes nothing.
 */
export const retainedDesired = (
  cache: ImageCache,
  { labels }: Pick<Node, 'labels'>,
  settings: Settings,
): ReturnType<typeof desiredImages> => currentDesiredImages(cache, { labels }, settings);

export const retainedImages = (cache: ImageCache, node: Node, settings: Settings): readonly string[] =>
  retainedDesired(cache, node, settings)?.images ?? [];

/**
 * The images to remove from a node, sorted, each once however it is spelled: those that the cache may have placed
 * there, and `more`, without those that stay.
 */
export function imagesToRemove(
  node: Node,
  { cache, more, settings }: { cache: ImageCache; more: readonly string[]; settings: Settings },
): readonly string[] {
  const retained = new Set(retainedImages(cache, node, settings).map(normalisedReference));
  const placed = cache.status.placements.filter((list) => selectsNode(list, node)).flatMap(({ images }) => images);
  const byName = new Map([...placed, ...more].map((image) => [normalisedReference(image), image]));
  return [...byName].flatMap(([name, image]) => (retained.has(name) ? [] : [image])).toSorted();
}

/** Key of a list of images in `status.toRemove`. */
export const toRemoveHash = (images: readonly string[]): string => hash(8, 'unwanted', ...images);

/** The lists of images that an entry of the removal ledger refers to. */
export function toRemoveInUse(removals: Status['removals'], lists: Status['toRemove']): Status['toRemove'] {
  const used = new Set(Object.values(removals).map(({ imagesHash }) => imagesHash));
  return Object.fromEntries(Object.entries(lists).filter(([imagesHash]) => used.has(imagesHash)));
}
