import type { ImageCache } from '#model/cache/image-cache.ts';
import type { RoundRequest } from '#model/round/next-round.ts';
import type { Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import { mayMove, wanted } from './desired-images.ts';

/** Whether a round begins with asking registries. At an edit nodes that have all they want are left alone, whatever has moved. */
export const asksRegistries = ({ operation }: RoundRequest): boolean =>
  operation === 'Create' || operation === 'Refresh';

/** The images that may have moved and that some of these nodes shall have, sorted, as spelled in the spec. */
export function movingImages(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const images = [...nodes].flatMap((node) =>
    node === undefined ? [] : (wanted(cache, node, settings)?.images ?? []),
  );
  return [...new Set(images)].filter((image) => mayMove(image, cache, settings)).toSorted();
}
