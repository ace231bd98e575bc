import { type ImageCache, withStatus, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import { refusedMessage } from '#model/cache/conditions.ts';
import { heldHashes } from '#model/cache/ledger.ts';
import {
  type RemovalEntry,
  newRemovalEntry,
  failedRemovalEntry,
  isRetryDue,
  keepsRemoved,
} from '#model/cache/removal-ledger.ts';
import { retainedImages } from '#model/desired/desired-images.ts';
import { observedNodes, selectsNode } from '#model/desired/node-selector.ts';
import { hash } from '#model/text/hash.ts';
import { roundUpToSecond } from '#model/text/times.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Settings } from '#model/cache/settings.ts';
import { imagePatterns, isAllowedImage } from '#model/cache/tenancy.ts';
import { heldImages } from '#model/desired/placements.ts';
import { type Node, isUnreachable, unavailableReason, criSocket } from '#model/node/node.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { freeNodeSlots, maxNodesStarted } from '#model/desired/rollout.ts';
import { busyNodes } from '#model/job/job-times.ts';
import type { Plan } from '#model/plan.ts';
import { ownImages, remainingCaches, waitsForOtherCaches } from './kept-images.ts';

/**
 * Finds the images to remove from each observed node: images that were taken out of the spec, images of nodes that left a selector,
 * and all images of a cache that is purged. Images of the stored ledger are included: opening a round resets the ledger, and would
 * forget a node that just left.
 */
export function syncRemovals({ before, observed, settings, now }: World, cache: ImageCache): ImageCache {
  const { nodes, round } = cache.status;
  const keptUntil = keepTime(cache, now);
  const removals = new Map(Object.entries(cache.status.removals));
  const toRemove = new Map(Object.entries(cache.status.toRemove));
  for (const name of new Set([...observedNodes(observed, nodes), ...observedNodes(observed, cache.status.removals)])) {
    const node = observed.nodes.get(name);
    const stored = removals.get(name);
    removals.delete(name);
    if (node === undefined) continue;
    const entry = stored?.id === node.id ? stored : undefined;
    const target = targetOf(node, entry, before, cache, settings);
    const synced = syncedEntry(entry, target, node, { round: round?.number ?? 0, keptUntil });
    if (synced !== undefined) removals.set(name, synced);
    if (synced?.imagesHash === target.imagesHash) toRemove.set(target.imagesHash, target.images);
  }
  const used = new Set([...removals.values()].map(({ imagesHash }) => imagesHash));
  return withStatus(cache, {
    removals: Object.fromEntries([...removals].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    toRemove: Object.fromEntries([...toRemove].filter(([imagesHash]) => used.has(imagesHash))),
  });
}

/** Until when images that leave the spec now are kept; undefined if they are removed as soon as they can be. */
const keepTime = (cache: ImageCache, now: number): number | undefined =>
  cache.spec.keepSeconds === 0 || isPurged(cache) || cache.isBeingDeleted
    ? undefined
    : roundUpToSecond(now + cache.spec.keepSeconds * 1000);

/** What is to be removed from a node. */
type Target = {
  readonly images: readonly string[];
  readonly imagesHash: string;
  /** Some of the images were desired until now, which no placement records once the ledger has changed. */
  readonly isNewlyLost: boolean;
};

/** Images that the node no longer needs: those that it was made to hold until now, and those of an unfinished removal. */
function targetOf(
  node: Node,
  entry: RemovalEntry | undefined,
  before: ImageCache,
  cache: ImageCache,
  settings: Settings,
): Target {
  const lost = entry === undefined && hasNoLedger(before) ? placedOn(node, cache) : lostImages(node, before, cache);
  const isUnfinished = entry !== undefined && entry.state !== 'Removed';
  const unfinished = isUnfinished ? (ownEntry(cache.status.toRemove, entry.imagesHash) ?? []) : [];
  const images = imagesToRemove(cache, node, [...lost, ...unfinished], settings);
  const isNewlyLost = imagesToRemove(cache, node, lost, settings).length > 0;
  return { images, imagesHash: hash(8, 'unwanted', ...images), isNewlyLost };
}

/** Whether it is not known what nodes were made to hold: the status was discarded, is kube-fledged's, or the cache was refused. */
const hasNoLedger = ({ discardedFormat, status }: ImageCache): boolean =>
  discardedFormat !== undefined || status.round === undefined || refusedMessage(status) !== undefined;

/** What a node may have while that is not known. */
const placedOn = (node: Node, { status }: ImageCache): readonly string[] =>
  status.placements.filter((list) => selectsNode(list, node)).flatMap(({ images }) => images);

/**
 * The images of the node's stored entry that the node may hold, if they are not those of its entry now; without those that it
 * failed to pull: if they are there, others brought them.
 */
function lostImages(node: Node, before: ImageCache, cache: ImageCache): readonly string[] {
  const entry = ownEntry(before.status.nodes, node.name);
  if (entry?.id !== node.id) return [];
  const next = ownEntry(cache.status.nodes, node.name);
  const held = next === undefined ? [] : heldHashes(next);
  return heldHashes(entry).flatMap((desiredHash) =>
    held.includes(desiredHash) ? [] : heldImages(before, node.name, entry, desiredHash),
  );
}

/** Of these images those to remove from a node, sorted, each once however it is spelled: without those that stay, and our own. */
export function imagesToRemove(
  cache: ImageCache,
  node: Node,
  images: readonly string[],
  settings: Settings,
): readonly string[] {
  const retained = new Set([...retainedImages(cache, node, settings), ...ownImages(settings)].map(normalisedReference));
  const byName = new Map(images.map((image) => [normalisedReference(image), image]));
  const patterns = imagePatterns(cache.namespace, settings.limits);
  return [...byName]
    .flatMap(([name, image]) => (retained.has(name) || !isAllowedImage(image, patterns) ? [] : [image]))
    .toSorted();
}

type Now = { readonly round: number; readonly keptUntil: number | undefined };

/** A running removal is not changed unless the node lost more images; one that has succeeded stays in the status until the next round. */
function syncedEntry(
  entry: RemovalEntry | undefined,
  { images, imagesHash, isNewlyLost }: Target,
  node: Node,
  { round, keptUntil }: Now,
): RemovalEntry | undefined {
  const reason = unavailableReason(node);
  const isSame = entry?.imagesHash === imagesHash;
  if (entry?.state === 'Removing' && (isSame || !isNewlyLost))
    return isUnreachable(reason) ? { ...entry, state: 'Skipped', reason: reason ?? '' } : entry;
  const isRemoved = entry?.state === 'Removed';
  if (images.length === 0) return isRemoved ? entry : undefined;
  if (isSame && entry.state === 'Failed' && reason === undefined) return entry;
  if (isSame && isRemoved && !isNewlyLost) return entry;
  // Attempts count on: the Job of an earlier removal may still exist, and must not be taken for a new one.
  const renewed = { ...newRemovalEntry(node.id, imagesHash, round), attempt: entry?.attempt ?? 0 };
  const current = isSame && !isRemoved ? entry : kept(renewed, keptUntil);
  if (current.state === 'Kept' && keptUntil !== undefined) return current;
  if (reason !== undefined) return { ...current, state: 'Skipped', reason, message: '', retryTime: undefined };
  return current.state === 'Pending' ? current : { ...current, state: 'Pending', reason: '', retryTime: undefined };
}

const kept = (entry: RemovalEntry, until: number | undefined): RemovalEntry =>
  until === undefined ? entry : { ...entry, state: 'Kept', retryTime: until };

/** Removals as they are started: the cache with them, and what the plan needs observed. */
type StartedRemovals = Pick<Plan, 'observeNext' | 'polls'> & { readonly next: ImageCache };

/** How many removal Pods run at once over all caches, where `--jobs-max-surge` does not say less. */
const maxRemovalPods = 500;

/**
 * Starts pending removals, as many nodes as may be at work at once, and one at a time on a node over all caches: the others are
 * driven when a cache has ended its own. A node has the new images first: one that fails to pull them, or waits for its wave,
 * keeps the old ones, and layers that they share are not pulled again. Polls while nodes wait for Pods to leave or for other
 * caches to record what they need, which no event reports.
 */
export function startRemovals(world: World, cache: ImageCache): StartedRemovals {
  const { observed, settings, now } = world;
  const { removals, toRemove } = cache.status;
  const { inProgress } = observed.removals;
  const pending = dueRemovals(cache, now).filter(([, { id }]) => !inProgress.has(id));
  const running = Object.values(removals).filter(({ state }) => state === 'Removing').length;
  const total = Object.keys(removals).length;
  const limit = settings.jobsMaxSurge === 0 ? maxRemovalPods : Math.min(settings.jobsMaxSurge, maxRemovalPods);
  const surge = Math.max(0, limit - running - inProgress.size);
  const slots = Math.min(freeNodeSlots(cache, running, total), surge, maxNodesStarted);
  if (!observed.removals.hasAll)
    return { next: cache, observeNext: pending.length > 0 && slots > 0 ? 'everything' : 'nothing', polls: false };
  const busy = busyNodes(observed.removals.pullPods, cache);
  const others = remainingCaches(world);
  const startable = pending.filter(([name, { id, imagesHash }]) => {
    const node = observed.nodes.get(name);
    if (node === undefined || busy.has(id)) return false;
    return !waitsForOtherCaches(ownEntry(toRemove, imagesHash) ?? [], others, node, settings);
  });
  const started = startable.slice(0, slots).map(([name, entry]) => {
    const node = observed.nodes.get(name);
    return [name, startedEntry(entry, node, settings, now)] as const;
  });
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
      const isDue = entry.state === 'Pending' || (!isEnding && isRetryDue(entry, now));
      return isDue && !keepsRemoved(status, name);
    })
    .toSorted(([, a], [, b]) => (a.retryTime ?? 0) - (b.retryTime ?? 0));
}

function startedEntry(entry: RemovalEntry, node: Node | undefined, settings: Settings, now: number): RemovalEntry {
  const started = { ...entry, attempt: entry.attempt + 1, retryTime: undefined };
  if (node !== undefined && criSocket(node, settings) !== undefined)
    return { ...started, state: 'Removing', reason: '', message: '' };
  const message = `The socket of ${node?.containerRuntime ?? ''} is not known: set CRI_SOCKET_PATH`;
  return failedRemovalEntry(started, { reason: 'UnknownRuntime', message }, now);
}
