import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { SparedImage } from '#model/cache/removal-ledger.ts';
import { retainedImages } from '#model/desired/desired-images.ts';
import type { Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { World } from '#model/world.ts';
import { remainingCaches } from './kept-images.ts';
import type { RemovalOutcome } from './removal-result.ts';

/**
 * Who needs a spared image is reported to the authors of the cache, who may not read other namespaces: what is there has no name
 * in the status and in Events.
 */
const anotherNamespace = 'another namespace';

type Spared = Extract<RemovalOutcome, { readonly outcome: 'spared' }>;

/** A spared image as it is recorded: `by` names nothing outside of the cache and its namespace. */
export const sparedImage = ({ image, reason, by }: Spared, cache: ImageCache): SparedImage => ({
  image,
  reason,
  by: reason === 'InUse' ? ownPods(by, cache) : reason === 'SharedTag' ? ownNames(by, cache) : by,
});

/** Containers are reported as `namespace/pod/container`. */
const ownPods = (by: string, { namespace }: ImageCache): string =>
  namesOf(by, (user) => user.startsWith(`${namespace}/`), anotherNamespace);

const ownNames = (by: string, { spec, status }: ImageCache): string => {
  const lists = [...spec.lists, ...status.placements];
  const listed = new Set(lists.flatMap(({ images }) => images.map(normalisedReference)));
  return namesOf(by, (name) => listed.has(normalisedReference(name)), 'a name that this cache does not list');
};

/** The names that may be reported, and once what stands for all others. */
const namesOf = (by: string, isOwn: (name: string) => boolean, others: string): string => {
  const names = by.split(', ').filter((name) => name !== '');
  const own = names.filter(isOwn);
  return [...own, ...(own.length < names.length ? [others] : [])].join(', ');
};

/** Whether the reason of a spared image names the image only, as the Job reports it, and not yet the caches that need it. */
const isUnnamed = ({ image, reason, by }: SparedImage): boolean => reason === 'Wanted' && by === image;

export const hasUnnamed = ({ status }: ImageCache): boolean =>
  Object.values(status.removals).some(({ sparedImages }) => sparedImages.some(isUnnamed));

/** Names the caches that images are spared for, `namespace/name`: removal Jobs know images, not their caches. */
export function withNamedKeepers(world: World, cache: ImageCache): ImageCache {
  if (!world.observed.removals.hasAll || !hasUnnamed(cache)) return cache;
  const caches = remainingCaches(world);
  const removals = Object.entries(cache.status.removals).map(([name, entry]) => {
    const node = world.observed.nodes.get(name);
    if (node === undefined) return [name, entry] as const;
    const sparedImages = entry.sparedImages.map((spared) => {
      if (!isUnnamed(spared)) return spared;
      const keepers = keepersOf(spared.image, caches, node, world.settings);
      return keepers.length === 0 ? spared : { ...spared, by: keeperNames(keepers, cache) };
    });
    return [name, { ...entry, sparedImages }] as const;
  });
  return withStatus(cache, { removals: Object.fromEntries(removals) });
}

/** The caches that desire an image on a node. */
function keepersOf(
  image: string,
  caches: readonly ImageCache[],
  node: Node,
  settings: Settings,
): readonly ImageCache[] {
  const reference = normalisedReference(image);
  return caches.filter((cache) =>
    retainedImages(cache, node, settings).some((kept) => normalisedReference(kept) === reference),
  );
}

const mostNamed = 3;

function keeperNames(keepers: readonly ImageCache[], { namespace }: ImageCache): string {
  const own = keepers.filter((keeper) => keeper.namespace === namespace).map(({ name }) => `${namespace}/${name}`);
  const others = own.length < keepers.length ? [anotherNamespace] : [];
  return [...own.toSorted().slice(0, mostNamed), ...others].join(', ');
}
