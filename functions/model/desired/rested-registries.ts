import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Node } from '#model/node/node.ts';
import { parseImageReference, registryOf } from '#model/text/image-reference.ts';
import { imagesDesiredOn } from './desired-images.ts';

/** The registries whose rest is over, for which nodes wait, and which no node tries yet. */
export function restedRegistries({ isBeingDeleted, spec, status }: ImageCache, now: number): readonly string[] {
  if (isBeingDeleted || spec.suspend) return [];
  const rested = Object.entries(status.registries).flatMap(([host, { restsUntil = Infinity, waitsUntil }]) =>
    restsUntil <= now && waitsUntil !== undefined ? [host] : [],
  );
  const isTrying = rested.length > 0 && Object.values(status.nodes).some(({ state }) => state === 'Pulling');
  return isTrying ? [] : rested;
}

type Desired = { readonly nodes: readonly (Node | undefined)[]; readonly settings: Settings };

/** One image of each of these registries by which it can be asked, as spelled in the spec. */
export function oneImageOfEach(
  hosts: Iterable<string>,
  cache: ImageCache,
  { nodes, settings }: Desired,
): readonly string[] {
  const asked = [...hosts];
  const images = asked.length === 0 ? [] : imagesDesiredOn(cache, nodes, settings);
  return asked.flatMap((host) => images.find((image) => isAskedOf(image, host)) ?? []);
}

/** Registries are not asked about references with a digest. */
const isAskedOf = (image: string, host: string): boolean =>
  registryOf(image) === host && parseImageReference(image).digest === '';
