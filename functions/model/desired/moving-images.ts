import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import { mayMove, desiredImages } from './desired-images.ts';

/** The images that may have moved and that some of these nodes shall have, sorted, as spelled in the spec. */
export function movingImages(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const images = [...nodes].flatMap((node) =>
    node === undefined ? [] : (desiredImages(cache, node, settings)?.images ?? []),
  );
  return [...new Set(images)].filter((image) => mayMove(image, cache, settings)).toSorted();
}
