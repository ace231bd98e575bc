import { type ImageCache, type Status, withStatus, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import { heldHashes, mayHoldImages, isUnsettled } from '#model/cache/ledger.ts';
import { type RemovalEntry, newRemovalEntry, failedRemovalEntry, isRetryDue } from '#model/cache/removal-ledger.ts';
import { observedNodes } from '#model/desired/observed-nodes.ts';
import { retainedImages } from '#model/desired/desired-images.ts';
import { selectsNode } from '#model/desired/node-selector.ts';
import { hash } from '#model/text/hash.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Settings } from '#model/cache/settings.ts';
import { placedImages } from '#model/desired/placements.ts';
import { type Node, isUnreachable, unavailableReason, criSocket } from '#model/node/node.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { freeNodeSlots, maxNodesStarted } from '#model/desired/node-limit.ts';
import { busyNodes } from '#model/job/job-times.ts';
import type { Plan } from '#model/plan.ts';
import { waitsForOtherCaches } from './kept-images.ts';

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

type Started = Pick<Plan, 'observeNext' | 'polls'> & { readonly next: ImageCache };

/**
 * Starts pending removals, as many nodes as may be at work at once. A node's own pulls end first: layers that a new image shares
 * with a removed one are then kept. A node that a stopped rollout holds keeps what it has. Polls while nodes wait for Pods to
 * leave or for other caches, which no event reports.
 */
export function startRemovals(world: World, cache: ImageCache): Started {
  const { observed, settings, now } = world;
  const { removals, toRemove } = cache.status;
  const pending = dueRemovals(cache, now);
  const running = Object.values(removals).filter(({ state }) => state === 'Removing').length;
  const total = Object.keys(removals).length;
  const slots = Math.min(freeNodeSlots(cache, settings, { running, total }), maxNodesStarted);
  if (!observed.removals.hasAll)
    return { next: cache, observeNext: pending.length > 0 && slots > 0 ? 'everything' : 'nothing', polls: false };
  const busy = busyNodes(observed.removals.pullPods, cache);
  const startable = pending.filter(([name, { id, imagesHash }]) => {
    const node = observed.nodes.get(name);
    if (node === undefined || busy.has(id)) return false;
    return !waitsForOtherCaches(node, ownEntry(toRemove, imagesHash) ?? [], world);
  });
  const started = startable.slice(0, slots).map(([name, entry]) => [name, startedEntry(name, entry, world)] as const);
  return {
    next: withStatus(cache, { removals: { ...removals, ...Object.fromEntries(started) } }),
    observeNext: 'nothing',
    polls: startable.length < pending.length,
  };
}

/**
 * Nodes whose removal is to start, those that wait for a first attempt before those that failed, or the latter would take all slots.
 * A purge ends before it tries again what failed: it would not end otherwise. A deletion tries for as long as it waits.
 */
function dueRemovals(cache: ImageCache, now: number): readonly (readonly [string, RemovalEntry])[] {
  const { status } = cache;
  const isEnding = isPurged(cache) && isRoundOpen(status) && status.round?.trigger !== 'Deletion';
  return Object.entries(status.removals)
    .filter(([name, entry]) => {
      const pull = ownEntry(status.nodes, name);
      const isDue = entry.state === 'Pending' || (!isEnding && isRetryDue(entry, now));
      return isDue && (pull === undefined || !(isUnsettled(pull) || pull.state === 'Held'));
    })
    .toSorted(([, a], [, b]) => (a.retryTime ?? 0) - (b.retryTime ?? 0));
}

function startedEntry(name: string, entry: RemovalEntry, { observed, settings, now }: World): RemovalEntry {
  const node = observed.nodes.get(name);
  const started = { ...entry, attempt: entry.attempt + 1, retryTime: undefined };
  if (node !== undefined && criSocket(node, settings) !== undefined)
    return { ...started, state: 'Removing', reason: '', message: '' };
  const message = `The socket of ${node?.containerRuntime ?? ''} is not known: set CRI_SOCKET_PATH`;
  return failedRemovalEntry(started, { reason: 'UnknownRuntime', message }, now);
}
