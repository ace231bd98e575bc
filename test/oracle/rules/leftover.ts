import type { CacheLife, Ending, SeenCache, SeenNode } from '../ending.ts';
import { failuresOn, isHeld, isPurged, isUsed, lifeOf, listedFor } from '../truth.ts';

/** An image that a cache brought and that nobody needs any more is gone, or the status says what keeps it. */
export const leftover = (ending: Ending): readonly string[] =>
  ending.nodes.flatMap((node) =>
    [...node.images]
      .filter((image) => isCached(ending, image) && !isNeeded(ending, node, image))
      .filter((image) => !isSaid(ending, node, image))
      .map((image) => `${node.name} still has ${image}, which nobody needs, and no status says so`),
  );

/** The status does not say of an image that it was removed while it is there, nobody needs it and no other cache brought it. */
export const removed = (ending: Ending): readonly string[] =>
  ending.caches.flatMap((cache) =>
    ending.nodes.flatMap((node) => {
      const entry = cache.status.removals[node.name];
      if (entry?.state !== 'Removed') return [];
      const spared = entry.sparedImages.map(({ image }) => image);
      const named = cache.status.toRemove[entry.imagesHash] ?? [];
      const nameless = entry.sparedImages.filter(({ reason, by }) => by === '' && reason !== 'Pinned');
      return [
        ...named
          .filter((image) => node.images.has(image) && !spared.includes(image) && !isNeeded(ending, node, image))
          .filter((image) => !isOfOthers(ending, cache, image))
          .map((image) => `${cache.metadata.name} says Removed of ${image} on ${node.name}, which still has it`),
        ...nameless.map(({ image }) => `${cache.metadata.name} does not say for whom ${image} stays on ${node.name}`),
      ];
    }),
  );

const isOfOthers = ({ record }: Ending, { metadata }: SeenCache, image: string): boolean =>
  [...record.lives].some(([uid, { listed }]) => uid !== metadata.uid && listed.has(image));

const isCached = ({ record }: Ending, image: string): boolean =>
  [...record.lives.values()].some(({ listed }) => listed.has(image));

/** A cache, a Pod, or the policy of a deleted cache keeps it there. */
function isNeeded(ending: Ending, node: SeenNode, image: string): boolean {
  const { caches, record, late } = ending;
  return (
    isUsed(ending, node, image) ||
    late.has(`${node.name} ${image}`) ||
    caches.some((cache) => keeps(ending, cache, { node, image })) ||
    [...record.lives.values()].some((life) => life.deletedWith === 'Retain' && life.listed.has(image))
  );
}

type Held = { readonly node: SeenNode; readonly image: string };

/** A cache that is suspended keeps what it has; one that is purged lists nothing. */
function keeps(ending: Ending, cache: SeenCache, { node, image }: Held): boolean {
  if (cache.spec.suspend) return lifeOf(ending, cache).listed.has(image);
  // What left the spec stays on a node that a rollout holds.
  if (isHeld(cache, node) && lifeOf(ending, cache).listed.has(image)) return true;
  return !isPurged(cache) && listedFor(cache, node).includes(image);
}

/** Some status has it among what is owed or was spared, or a Warning named the node of a deleted cache. */
function isSaid(ending: Ending, node: SeenNode, image: string): boolean {
  const { caches, record, warnings } = ending;
  const deleted = [...record.lives].filter(([, life]) => isDeletedWithImage(life, image)).map(([uid]) => uid);
  return (
    caches.some((cache) => saysOwed(cache, { node, image })) ||
    warnings.some(({ cache, message }) => deleted.includes(cache) && message.includes(node.name))
  );
}

const isDeletedWithImage = ({ deletedWith, listed }: CacheLife, image: string): boolean =>
  deletedWith === 'Purge' && listed.has(image);

function saysOwed(cache: SeenCache, { node, image }: Held): boolean {
  const entry = cache.status.removals[node.name];
  if (entry === undefined) return isPurged(cache) && failuresOn(cache, node.name).includes(image);
  const isListed = (cache.status.toRemove[entry.imagesHash] ?? []).includes(image);
  return entry.state === 'Removed' ? entry.sparedImages.some((each) => each.image === image) : isListed;
}
