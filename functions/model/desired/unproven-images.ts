import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { World } from '#model/world.ts';
import { desiredImages, imagesDesiredOn } from './desired-images.ts';
import { placedImages } from './placements.ts';

/** With more nodes than this, registries are asked first whether an image exists. */
const manyNodes = 16;

/** The images that no node of a large cache has pulled so far, sorted, as spelled in the spec. */
export function unprovenImages(
  cache: ImageCache,
  nodes: readonly (Node | undefined)[],
  settings: Settings,
): readonly string[] {
  const selected = nodes.filter((node) => node !== undefined && desiredImages(cache, node, settings) !== undefined);
  if (selected.length <= manyNodes) return [];
  const proven = provenImages(cache);
  return imagesDesiredOn(cache, selected, settings).filter((image) => !proven.has(normalisedReference(image)));
}

/** By normalised reference. */
function provenImages(cache: ImageCache): ReadonlySet<string> {
  const ready = Object.values(cache.status.nodes).filter(({ state }) => state === 'Ready');
  const hashes = new Set(ready.map(({ desiredHash }) => desiredHash));
  return new Set([...hashes].flatMap((hash) => placedImages(cache, hash).map(normalisedReference)));
}

/** The desired images that their registries did not find when they were asked. */
export const imagesNotFound = ({ observed, resolutions, settings }: World, cache: ImageCache): readonly string[] =>
  resolutions.size === 0
    ? []
    : imagesDesiredOn(cache, observed.nodes.values(), settings).filter(
        (image) => resolutions.get(normalisedReference(image))?.type === 'absent',
      );
