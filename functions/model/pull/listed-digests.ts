import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import { isListCurrent } from '#model/desired/presence.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { World } from '#model/world.ts';

/**
 * Compares the digests that nodes list of moving images with those that registries reported: containers that mount an image
 * report none. A mismatch on one node is one of the cache; it is over once all nodes list the same digest as the registry.
 */
export function withListedDigests({ observed, now }: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const { nodes, knownDigests } = cache.status;
  const resolved = Object.entries(knownDigests).filter(([, { digest }]) => digest !== '');
  if (resolved.length === 0) return cache;
  const differing = new Set<string>();
  const unseen = new Set<string>();
  const namedIn = new Map(
    [...desired].map(([hash, { images }]) => [hash, resolved.filter(([image]) => images.includes(image))] as const),
  );
  for (const [name, entry] of Object.entries(nodes)) {
    const node = observed.nodes.get(name);
    const isSeen = entry.state === 'Ready' && node !== undefined && isListCurrent(node, entry, now);
    for (const [image, { digest }] of namedIn.get(entry.desiredHash) ?? []) {
      const listed = isSeen ? node.digests.get(normalisedReference(image)) : undefined;
      if (listed === undefined) unseen.add(image);
      else if (!listed.has(digest)) differing.add(image);
    }
  }
  const changed = resolved.flatMap(([image, known]) => {
    const hasMismatch = differing.has(image) || (known.hasMismatch && unseen.has(image));
    return hasMismatch === known.hasMismatch ? [] : [[image, { ...known, hasMismatch }] as const];
  });
  return changed.length === 0
    ? cache
    : withStatus(cache, { knownDigests: { ...knownDigests, ...Object.fromEntries(changed) } });
}
