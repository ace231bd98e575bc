import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { type Node, keepsPullRecords } from '#model/node/node.ts';
import { normalisedReference, parseImageReference, registryOf } from '#model/text/image-reference.ts';
import { type Resolutions, anonymousPullOf } from '#model/cache/image-answers.ts';
import { desiredImages, imagesDesiredOn } from './desired-images.ts';
import { placedImages } from './placements.ts';
import { hasKnownLocks } from '#model/cache/image-states.ts';
import { namesCredentials } from './access.ts';

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

/** What nodes have pulled for the cache so far, by normalised reference. */
export function provenImages(cache: ImageCache): ReadonlySet<string> {
  const ready = Object.values(cache.status.nodes).filter(({ state }) => state === 'Ready');
  const hashes = new Set(ready.map(({ desiredHash }) => desiredHash));
  return new Set([...hashes].flatMap((hash) => placedImages(cache, hash).map(normalisedReference)));
}

/** The desired images that their registries did not find when they were asked. */
export const imagesNotFound = (
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  resolutions: Resolutions,
  settings: Settings,
): readonly string[] =>
  resolutions.size === 0
    ? []
    : imagesDesiredOn(cache, nodes, settings).filter(
        (image) => resolutions.get(normalisedReference(image))?.type === 'absent',
      );

/** The registries whose rest is over, for which nodes wait, and which no node tries yet. */
export function restedRegistries({ isBeingDeleted, spec, status }: ImageCache, now: number): readonly string[] {
  if (isBeingDeleted || spec.suspend) return [];
  const rested = Object.entries(status.registries).flatMap(([host, { restsUntil = Infinity, waitsUntil }]) =>
    restsUntil <= now && waitsUntil !== undefined ? [host] : [],
  );
  const isTrying = rested.length > 0 && Object.values(status.nodes).some(({ state }) => state === 'Pulling');
  return isTrying ? [] : rested;
}

/** One image of each of these registries by which it can be asked, as spelled in the spec. */
export function oneImageOfEach(
  hosts: Iterable<string>,
  cache: ImageCache,
  nodes: readonly (Node | undefined)[],
  settings: Settings,
): readonly string[] {
  const asked = [...hosts];
  const images = asked.length === 0 ? [] : imagesDesiredOn(cache, nodes, settings);
  return asked.flatMap((host) => images.find((image) => isAskedOf(image, host)) ?? []);
}

/** Registries are not asked about references with a digest. */
const isAskedOf = (image: string, host: string): boolean =>
  registryOf(image) === host && parseImageReference(image).digest === '';

/** The images that pull Pods may lock on one of these nodes, and that are not known to be given to anyone. */
export function imagesOfUnknownAccess(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const { anonymousPulls, nodes: ledger } = cache.status;
  const hasLocked = Object.values(ledger).some(hasKnownLocks);
  if (!hasLocked && !namesCredentials(cache, settings)) return [];
  const lockable = [...nodes].filter((node) => node !== undefined && keepsPullRecords(node));
  return imagesDesiredOn(cache, lockable, settings).filter(
    (image) => anonymousPullOf(anonymousPulls, image) !== 'Allowed',
  );
}
