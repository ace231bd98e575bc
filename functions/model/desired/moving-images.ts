import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Node } from '#model/node/node.ts';
import { parseImageReference } from '#model/text/image-reference.ts';
import { desiredImages } from './desired-images.ts';
import { pullPolicyOf } from './pull-policy.ts';

/** The moving images that are desired on at least one of these nodes, sorted, as spelled in the spec. */
export const movingImages = (
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] =>
  imagesDesiredOn(cache, nodes, settings).filter((image) => isMovingImage(image, cache, settings));

/** The images that are desired on at least one of these nodes, sorted, as spelled in the spec. */
export function imagesDesiredOn(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const images = [...nodes].flatMap((node) =>
    node === undefined ? [] : (desiredImages(cache, node, settings)?.images ?? []),
  );
  return [...new Set(images)].toSorted();
}

/** Whether the reference may resolve to another digest by now, which only the registry knows. A digest never moves. */
const isMovingImage = (image: string, cache: ImageCache, settings: Settings): boolean =>
  pullPolicyOf(image, cache, settings) === 'Always' && parseImageReference(image).digest === '';
