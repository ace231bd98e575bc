import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { type RemovalEntry, isRemovalUnsettled, newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { knownDesired } from '#model/desired/known-desired.ts';
import { observedNodes } from '#model/desired/observed-nodes.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { formerDesired } from '#model/desired/former-desired.ts';
import { imagesToRemove, toRemoveHash, toRemoveInUse } from '#model/desired/images-to-remove.ts';
import { type Node, isUnreachable, skipReason } from '#model/node/node.ts';
import { ownEntry } from '#model/text/own-entry.ts';
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
  const stored = storedDesired(world);
  for (const name of new Set([...observedNodes(world, status.nodes), ...observedNodes(world, status.removals)])) {
    const node = world.observed.nodes.get(name);
    const removal = removals.get(name);
    const images = node === undefined ? [] : imagesToRemoveFrom(node, { world, cache, stored, removal });
    const imagesHash = toRemoveHash(images);
    const synced = node === undefined ? undefined : syncRemoval(removal, { node, cache, images, imagesHash });
    if (synced === undefined) removals.delete(name);
    else removals.set(name, synced);
    if (synced?.imagesHash === imagesHash) toRemove.set(imagesHash, images);
  }
  const ledger = Object.fromEntries([...removals].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return withStatus(cache, { removals: ledger, toRemove: toRemoveInUse(ledger, Object.fromEntries(toRemove)) });
}

/** The desired images of each hash in the stored ledger, including those of a spec that was just edited. */
function storedDesired(world: World): ReadonlyMap<string, DesiredImages> {
  const { before, settings } = world;
  const known = new Map(knownDesired(world, before));
  const areAllKnown = Object.keys(before.status.desired).every((hash) => known.has(hash));
  return areAllKnown ? known : new Map([...formerDesired(before, settings), ...known]);
}

type RemovalInputs = {
  readonly world: World;
  readonly cache: ImageCache;
  readonly stored: ReadonlyMap<string, DesiredImages>;
  readonly removal: RemovalEntry | undefined;
};

/** Images that the node no longer needs: placed ones, those of its stored entry, and those of an unfinished removal. */
function imagesToRemoveFrom(node: Node, { world, cache, stored, removal }: RemovalInputs): readonly string[] {
  const entry = ownEntry(world.before.status.nodes, node.name);
  const mayHoldImages =
    entry !== undefined && (entry.attempt > 0 || entry.state === 'Ready' || entry.state === 'Failed');
  const isChanged = entry?.desiredHash !== ownEntry(cache.status.nodes, node.name)?.desiredHash;
  const former =
    mayHoldImages && isChanged && entry.id === node.id ? (stored.get(entry.desiredHash)?.images ?? []) : [];
  const isUnfinished = removal?.id === node.id && !hasEnded(removal);
  const unfinished = isUnfinished ? (ownEntry(cache.status.toRemove, removal.imagesHash) ?? []) : [];
  return imagesToRemove(node, { cache, more: [...former, ...unfinished], settings: world.settings });
}

type Target = {
  readonly node: Node;
  readonly cache: ImageCache;
  readonly images: readonly string[];
  readonly imagesHash: string;
};

/** A running removal is not changed; one that has ended stays in the status until the next round. */
function syncRemoval(stored: RemovalEntry | undefined, target: Target): RemovalEntry | undefined {
  const { node, cache, images, imagesHash } = target;
  const entry = stored?.id === node.id ? stored : undefined;
  const reason = skipReason(node, undefined);
  if (entry?.state === 'Removing')
    return isUnreachable(reason) ? { ...entry, state: 'Skipped', reason: reason ?? '' } : entry;
  if (images.length === 0) return entry !== undefined && hasEnded(entry) ? entry : undefined;
  const isSame = entry?.imagesHash === imagesHash;
  const current = isSame ? entry : newRemovalEntry(node.id, imagesHash, cache.status.round?.number ?? 0);
  if (hasEnded(current)) return current;
  if (reason !== undefined) return { ...current, state: 'Skipped', reason };
  return current.state === 'Pending' ? current : { ...current, state: 'Pending', reason: '' };
}

const hasEnded = (entry: RemovalEntry): boolean => !isRemovalUnsettled(entry) && entry.state !== 'Skipped';
