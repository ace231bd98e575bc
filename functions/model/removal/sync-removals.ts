import { type ImageCache, type Status, withStatus } from '#model/cache/image-cache.ts';
import { heldHashes, mayHoldImages } from '#model/cache/ledger.ts';
import { type RemovalEntry, newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { observedNodes } from '#model/desired/observed-nodes.ts';
import { retainedImages } from '#model/desired/desired-images.ts';
import { selectsNode } from '#model/desired/node-selector.ts';
import { hash } from '#model/text/hash.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Settings } from '#model/cache/settings.ts';
import { placedImages } from '#model/desired/placements.ts';
import { type Node, isUnreachable, unavailableReason } from '#model/node/node.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';

/**
 * Finds the images to remove from each observed node: images that were taken out of the spec, images of nodes that left a selector,
 * and all images of a cache that is purged. Images of the stored ledger are included: opening a round resets the ledger, and would
 * forget a node that just left.
 */
export function syncRemovals(world: World, cache: ImageCache): ImageCache {
  const { status } = cache;
  const removals = new Map(Object.entries(status.removals));
  const toRemove = new Map(Object.entries(status.toRemove));
  for (const name of new Set([...observedNodes(world, status.nodes), ...observedNodes(world, status.removals)])) {
    const node = world.observed.nodes.get(name);
    const target = node === undefined ? undefined : targetOf(node, world, cache);
    const synced = target === undefined ? undefined : syncRemoval(target, cache);
    if (synced === undefined) removals.delete(name);
    else removals.set(name, synced);
    if (target !== undefined && synced?.imagesHash === target.imagesHash)
      toRemove.set(target.imagesHash, target.images);
  }
  const ledger = Object.fromEntries([...removals].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return withStatus(cache, { removals: ledger, toRemove: toRemoveInUse(ledger, Object.fromEntries(toRemove)) });
}

type Target = {
  readonly node: Node;
  /** The stored entry, if it is of the same machine. */
  readonly entry: RemovalEntry | undefined;
  readonly images: readonly string[];
  readonly imagesHash: string;
  /** Some of them were desired until now, and no placement will say so once the ledger has changed. */
  readonly isNewlyLost: boolean;
};

/** Images that the node no longer needs: placed ones, those that it had to hold until now, and those of an unfinished removal. */
function targetOf(node: Node, world: World, cache: ImageCache): Target {
  const stored = ownEntry(cache.status.removals, node.name);
  const entry = stored?.id === node.id ? stored : undefined;
  const lost = lostImages(node, world, cache);
  const isUnfinished = entry !== undefined && entry.state !== 'Removed';
  const unfinished = isUnfinished ? (ownEntry(cache.status.toRemove, entry.imagesHash) ?? []) : [];
  const of = (more: readonly string[]): readonly string[] =>
    imagesToRemove(node, { cache, more, settings: world.settings });
  const images = of([...lost, ...unfinished]);
  const isNewlyLost = lost.length > 0 && of(lost).length > of([]).length;
  return { node, entry, images, imagesHash: toRemoveHash(images), isNewlyLost };
}

/** The images that the node's stored entry stands for, if the node may hold them and the entry no longer stands for them. */
function lostImages(node: Node, { before }: World, cache: ImageCache): readonly string[] {
  const entry = ownEntry(before.status.nodes, node.name);
  if (entry?.id !== node.id || !mayHoldImages(entry)) return [];
  const next = ownEntry(cache.status.nodes, node.name);
  const held = next === undefined ? [] : heldHashes(next);
  return heldHashes(entry).flatMap((hash) => (held.includes(hash) ? [] : placedImages(before, hash)));
}

/** A running removal is not changed unless the node lost more images; one that has succeeded stays in the status until the next round. */
function syncRemoval(
  { node, entry, images, imagesHash, isNewlyLost }: Target,
  cache: ImageCache,
): RemovalEntry | undefined {
  const reason = unavailableReason(node);
  const isSame = entry?.imagesHash === imagesHash;
  if (entry?.state === 'Removing' && (isSame || !isNewlyLost))
    return isUnreachable(reason) ? { ...entry, state: 'Skipped', reason: reason ?? '' } : entry;
  const isRemoved = entry?.state === 'Removed';
  if (images.length === 0) return isRemoved ? entry : undefined;
  if (isSame && entry.state === 'Failed' && reason === undefined) return entry;
  if (isSame && isRemoved && !isNewlyLost) return entry;
  const { number = 0 } = cache.status.round ?? {};
  // Attempts count on: the Job of an earlier removal may still exist, and must not be taken for a new one.
  const renewed = { ...newRemovalEntry(node.id, imagesHash, number), attempt: entry?.attempt ?? 0 };
  const current = isSame && !isRemoved ? entry : renewed;
  if (reason !== undefined) return { ...current, state: 'Skipped', reason, message: '', retryTime: undefined };
  return current.state === 'Pending' ? current : { ...current, state: 'Pending', reason: '' };
}

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
