import { withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { type HadImages, hadAll, hadImages } from '#model/cache/had-images.ts';
import {
  asFirstAttempt,
  failedOf,
  hasKnownLocks,
  isFailed,
  isPending,
  lockedOf,
  toPull,
  withAllWaiting,
  withLocks,
  withoutResults,
} from '#model/cache/image-states.ts';
import { heldHashes, isLost, type LedgerEntry, mayHoldImages, newEntry } from '#model/cache/ledger.ts';
import { isAdoption, isVerification } from '#model/cache/round.ts';
import { isProvenPresent, lostImages } from '#model/desired/presence.ts';
import {
  type DesiredByHash,
  knownDesired,
  pullPolicyOf,
  type DesiredImages,
  desiredHash,
  sortedImages,
  currentDesiredImages,
  retainedDesired,
} from '#model/desired/desired-images.ts';
import { observedNodes } from '#model/desired/node-selector.ts';
import { heldImages, placedImages } from '#model/desired/placements.ts';
import { namesCredentials } from '#model/desired/access.ts';
import {
  type Node,
  type SkipReason,
  isUnreachable,
  keepsPullRecords,
  skipReason,
  pullRules,
} from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { Settings } from '#model/cache/settings.ts';
import { missingImages } from './absent-images.ts';
import { lossCause, pullsLostAgainAt, withLoss, withLostAgain } from './lost-images.ts';
import { rolloutOf } from '#model/desired/rollout.ts';
import type { World } from '#model/world.ts';

type Synced = { readonly next: ImageCache; readonly desired: DesiredByHash };

/** Matches the ledger with the observed nodes: adds nodes that a list selects, drops nodes that no list selects, and resets replaced or changed ones. */
export function syncLedger(world: World, opened: ImageCache): Synced {
  const desired = new Map(knownDesired(opened, world.settings));
  const nodes = new Map(Object.entries(opened.status.nodes));
  let { failures } = opened.status;
  for (const name of observedNodes(world.observed, opened.status.nodes)) {
    const node = world.observed.nodes.get(name);
    const entry = nodes.get(name);
    const target = node && targetOf(node, entry, { world, cache: opened });
    if (target === undefined) nodes.delete(name);
    else {
      desired.set(target.desired.hash, target.desired);
      if (target.retained !== undefined) desired.set(target.retained.hash, target.retained);
      const synced = syncEntry(entry, target);
      nodes.set(name, synced);
      failures = withLosses(failures, name, { before: entry, after: synced }, target.desired.images);
    }
    const isSkipped = nodes.get(name)?.state === 'Skipped';
    if (entry !== undefined && (isSkipped || isReplaced(entry, nodes.get(name))))
      failures = withoutNode(failures, name);
  }
  const ledger = Object.fromEntries([...nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const lists = Object.fromEntries([...desired.values()].map((images) => [images.hash, images.lists]));
  // Hashes of former settings stay as long as nodes that were not observed have them: they say what is on these nodes.
  const next = withStatus(opened, { nodes: ledger, desired: { ...opened.status.desired, ...lists }, failures });
  return { next, desired };
}

/** The failures with the images that a node has just lost. */
function withLosses(failures: Failures, node: string, change: Change, images: readonly string[]): Failures {
  const { before, after } = change;
  if (!isLost(after) || after.lostAt === before?.lostAt) return failures;
  const lost = images.filter((_, index) => isPending(after, index) || isFailed(after, index));
  return withNode(failures, { node, causes: new Map(lost.map((image) => [image, lossCause(after)])) });
}

type Change = { readonly before: LedgerEntry | undefined; readonly after: LedgerEntry };

function topologyOf(node: Node, cache: ImageCache, settings: Settings): string | undefined {
  const { topologyKey = '' } = rolloutOf(cache, settings) ?? {};
  return topologyKey === '' ? undefined : (node.labels[topologyKey] ?? '');
}

const isReplaced = (stored: LedgerEntry, synced: LedgerEntry | undefined): boolean =>
  synced === undefined || synced.id !== stored.id || synced.desiredHash !== stored.desiredHash;

type Target = {
  readonly world: World;
  readonly cache: ImageCache;
  readonly node: Node;
  readonly desired: DesiredImages;
  /** What stays on the node besides, as its taints may pass. */
  readonly retained: DesiredImages | undefined;
  /** Whether its taints keep all lists off the node: it only has what stays. */
  readonly isKeptOff: boolean;
};

/** What a node must have; undefined if no list selects it, nor would without its taints and it may hold the images. */
function targetOf(
  node: Node,
  stored: LedgerEntry | undefined,
  { world, cache }: Pick<Target, 'world' | 'cache'>,
): Target | undefined {
  const { settings } = world;
  const desired = currentDesiredImages(cache, node, settings);
  const untainted = node.taints.length === 0 ? desired : retainedDesired(cache, node, settings);
  const isRetained = untainted?.hash !== desired?.hash && mayHold(stored, node, cache);
  if (desired !== undefined)
    return { world, cache, node, desired, retained: isRetained ? untainted : undefined, isKeptOff: false };
  return isRetained && untainted !== undefined
    ? { world, cache, node, desired: untainted, retained: undefined, isKeptOff: true }
    : undefined;
}

const mayHold = (stored: LedgerEntry | undefined, node: Node, cache: ImageCache): boolean =>
  cache.discardedFormat !== undefined ||
  (stored?.id === node.id && mayHoldImages(stored)) ||
  owedRemovals(cache, node).length > 0;

const syncEntry = (stored: LedgerEntry | undefined, target: Target): LedgerEntry => ({
  ...syncState(stored, target),
  retainedHash: target.retained?.hash,
  topology: topologyOf(target.node, target.cache, target.world.settings),
});

function syncState(stored: LedgerEntry | undefined, target: Target): LedgerEntry {
  const { world, cache, node, desired, isKeptOff } = target;
  const isSame = stored !== undefined && stored.id === node.id && stored.desiredHash === desired.hash;
  const isKept = isSame && !isOutOfAdoption(stored, target);
  const entry = isKept
    ? syncLosses(stored, target)
    : { ...newEntry(node.id, desired.hash), hadImages: hadBefore(target) };
  const keptOff = isKeptOff ? ('TaintNotTolerated' as const) : undefined;
  if (entry.state === 'Ready') return { ...entry, reason: node.isReady ? (keptOff ?? '') : 'NotReady' };
  if (entry.state === 'Failed' && !isKeptOff) return entry;
  const reason = skipReason(node, pullRules(cache, world.settings)) ?? keptOff;
  if (reason !== undefined && (entry.state !== 'Pulling' || isUnreachable(reason))) return skipped(entry, reason);
  if (entry.state === 'Pulling') return entry;
  if (entry.attempt > 0 || entry.opening !== undefined)
    return { ...entry, state: 'Pending', reason: waitReason(entry, world) };
  return withoutPresentImages(entry, target);
}

/** The desired images that the node may have from the entry that this one replaces, or that were to be removed from it. */
function hadBefore({ world: { before }, cache, node, desired: { images } }: Target): HadImages {
  if (cache.discardedFormat !== undefined) return hadAll;
  const former = ownEntry(before.status.nodes, node.name);
  const held =
    former?.id === node.id ? heldHashes(former).flatMap((hash) => heldImages(before, node.name, former, hash)) : [];
  const had = new Set([...held, ...owedRemovals(cache, node)].map(normalisedReference));
  return hadImages(
    images.flatMap((image, index) => (had.has(normalisedReference(image)) ? [index] : [])),
    images.length,
  );
}

/** What a Ready node has lost is missing, and what it keeps losing is pulled again after a while. */
function syncLosses(entry: LedgerEntry, { world: { now }, node, desired: { images } }: Target): LedgerEntry {
  const lost = entry.state === 'Ready' ? lostImages(entry, node, images, now) : [];
  if (lost.length > 0) return withLoss(entry, lost, images.length, now);
  return now >= (pullsLostAgainAt(entry) ?? Infinity) ? withLostAgain(entry, images.length, now) : entry;
}

/** Whether a first round opens for a node on which kube-fledged pulled: only a Job of ours shows who can start its images. */
const isOutOfAdoption = (entry: LedgerEntry, { world, cache, node }: Target): boolean =>
  keepsPullRecords(node) &&
  !hasKnownLocks(entry) &&
  isAdoption(world.before.status.round) &&
  !isAdoption(cache.status.round);

/** Why a pending node waits is found anew by the function that starts nodes; others leave it. */
const waitReason = ({ state, reason }: LedgerEntry, { makes }: World): string =>
  makes === 'removals' && state === 'Pending' ? reason : '';

/** The images of the cache that were to be removed from the node and may still be there. They may be desired again now, and have no other record. */
function owedRemovals({ status }: ImageCache, node: Node): readonly string[] {
  const removal = ownEntry(status.removals, node.name);
  return removal?.id === node.id && removal.state !== 'Removed'
    ? (ownEntry(status.toRemove, removal.imagesHash) ?? [])
    : [];
}

/**
 * Before the first attempt: images that the node's status lists need no Job. Where the kubelet keeps records of pulls, a
 * listed image may not start for the Pods of this cache, unless the node pulled it for this cache before.
 */
function withoutPresentImages(entry: LedgerEntry, target: Target): LedgerEntry {
  const { world, cache, node, desired } = target;
  const pulled = pulledBefore(target);
  const candidates = missingImages(entry, desired);
  const missing = candidates.filter((index) => {
    const image = desired.images[index] ?? '';
    const canStart = !keepsPullRecords(node) || pulled.images.has(normalisedReference(image));
    return !canStart || !isProvenPresent(image, node, pullPolicyOf(image, cache, world.settings));
  });
  const count = desired.images.length;
  const isLockKnown = hasKnownLocks(entry) || pulled.locked === undefined;
  const kept = toPull(isLockKnown ? entry : withLocks(entry, pulled.locked, count), missing, count);
  if (missing.length === 0) return { ...kept, state: 'Ready', reason: '' };
  return { ...kept, state: 'Pending', reason: waitReason(entry, world) };
}

type PulledBefore = {
  /** Normalised references. */
  readonly images: ReadonlySet<string>;
  /** Indexes of the desired images that are still locked; undefined if no Job used credentials. */
  readonly locked: readonly number[] | undefined;
};

/** What the node has pulled for this cache with the same policy and credentials, before its entry was replaced. */
function pulledBefore(target: Target): PulledBefore {
  const { world, node, desired } = target;
  const former = ownEntry(world.before.status.nodes, node.name);
  const images = former && hasPulled(former, target) ? sameDesired(world, former.desiredHash) : undefined;
  if (former === undefined || images === undefined) return { images: new Set(), locked: undefined };
  const failed = new Set(failedOf(former, images.length));
  const locked = new Set(lockedOf(former, images.length).map((index) => normalisedReference(images[index] ?? '')));
  return {
    images: new Set(images.filter((_, index) => !failed.has(index)).map(normalisedReference)),
    locked: hasKnownLocks(former)
      ? desired.images.flatMap((image, index) => (locked.has(normalisedReference(image)) ? [index] : []))
      : undefined,
  };
}

/** Whether a stored entry proves what its node has pulled. What a refresh has a Ready node pull again is pulled again. */
function hasPulled(former: LedgerEntry, { world, cache, node, desired }: Target): boolean {
  const isReplaced = former.state === 'Ready' && former.desiredHash !== desired.hash;
  const mayHaveUsedSome = namesCredentials(cache, world.settings) || isAdoption(world.before.status.round);
  const isUnknown = !hasKnownLocks(former) && mayHaveUsedSome;
  return (
    former.id === node.id &&
    (isReplaced || former.state === 'Failed') &&
    !isUnknown &&
    !isVerification(cache.status.round)
  );
}

/** The images with this hash in the stored ledger, if it still stands for them: policy and credentials are the same. */
function sameDesired({ before, settings }: World, hash: string): readonly string[] | undefined {
  const images = sortedImages(placedImages(before, hash));
  return desiredHash(images, before, settings) === hash ? images : undefined;
}

/** Skips pending nodes that became unavailable before their next attempt: under DiskPressure, for example. */
export function skipUnavailable({ observed, settings }: World, cache: ImageCache): ImageCache {
  let { failures } = cache.status;
  const entries = Object.entries(cache.status.nodes).map(([name, entry]) => {
    const node = entry.state === 'Pending' ? observed.nodes.get(name) : undefined;
    const reason = node === undefined ? undefined : skipReason(node, pullRules(cache, settings));
    if (reason === undefined) return [name, entry] as const;
    failures = withoutNode(failures, name);
    return [name, skipped(entry, reason)] as const;
  });
  return withStatus(cache, { nodes: Object.fromEntries(entries), failures });
}

/** A skipped node is no failure: what its last attempt failed to pull is tried again once it can be served. */
function skipped(entry: LedgerEntry, reason: SkipReason): LedgerEntry {
  const again =
    entry.opening !== undefined
      ? withoutResults(entry)
      : entry.state === 'Failed'
        ? withAllWaiting(entry)
        : asFirstAttempt(entry);
  return { ...again, state: 'Skipped', reason, failingUntil: undefined, retryDeadline: undefined };
}
