import type { CacheEvent } from '#model/cache/api.ts';
import { type Cause, imageLost } from '#model/cache/failures.ts';
import { hadImages, isHad } from '#model/cache/had-images.ts';
import { failedOf, isFailed, isPending, toPull, withFailed } from '#model/cache/image-states.ts';
import { hadImagesOf, isLost, keepsLosing, type LedgerEntry, maxLosses } from '#model/cache/ledger.ts';
import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { roundDownToSecond, timeText } from '#model/text/times.ts';
import type { World } from '#model/world.ts';

/*
 * A node loses images when its kubelet collects them or somebody removes them. It pulls them again at once, unless it keeps
 * losing them: then once an hour, as each pull would only have the kubelet remove others.
 */

/** Milliseconds that a node waits then. */
const lossPause = 3_600_000;

/** Milliseconds after which a loss is no successor of the one before. */
const lossMemory = 2 * lossPause;

/** The entry of a Ready node that has lost these images of `count`. */
export function withLoss(entry: LedgerEntry, lost: readonly number[], count: number, now: number): LedgerEntry {
  const { lostAt = -Infinity, attempt } = entry;
  const losses = now - lostAt < lossMemory ? entry.losses + 1 : 1;
  const had = hadImages(heldOf(entry, lost, count), count);
  const next = { ...entry, lostAt: roundDownToSecond(now), losses, reason: '', rests: attempt, hadImages: had };
  return losses < maxLosses
    ? { ...toPull(next, lost, count), state: 'Pending' }
    : { ...withFailed(next, lost, count), state: 'Failed' };
}

/** What the node still has of all its images: what it lost and pulls again may be somebody else's if that pull fails. */
const heldOf = (entry: LedgerEntry, lost: readonly number[], count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index).filter(
    (index) => !lost.includes(index) && isHad(hadImagesOf(entry), index),
  );

/** When a node that keeps losing images pulls them again, in epoch milliseconds; undefined for any other node. */
export const pullsLostAgainAt = (entry: LedgerEntry): number | undefined =>
  keepsLosing(entry) ? (entry.lostAt ?? 0) + lossPause : undefined;

/** The entry of a node that pulls again what it keeps losing: as long as it fails, once in this time. */
export const withLostAgain = (entry: LedgerEntry, count: number, now: number): LedgerEntry => ({
  ...toPull(entry, failedOf(entry, count), count),
  state: 'Pending',
  lostAt: roundDownToSecond(now),
  rests: entry.attempt,
});

/** Why the images of a node that has just lost some are missing. */
export function lossCause(entry: LedgerEntry): Cause {
  const again = pullsLostAgainAt(entry);
  if (again === undefined) return { reason: imageLost, message: `${removed}. It is pulled again` };
  const message = `${removed}, ${entry.losses} times in succession. It is pulled again at ${timeText(again)} or when a refresh is requested. More disk space for images keeps it there`;
  return { reason: imageLost, message };
}

const removed = 'The node lists it no longer: the kubelet or somebody else removed it';

/** Reports the nodes that have just lost images, with the first of them. */
export function lossEvents(before: ImageCache, next: ImageCache, now: number): readonly CacheEvent[] {
  const nodes = Object.entries(next.status.nodes).filter(
    ([name, entry]) => isLost(entry) && entry.lostAt !== before.status.nodes[name]?.lostAt,
  );
  const [first] = nodes;
  if (first === undefined) return [];
  const [name, entry] = first;
  const images = ledgerImages(next, entry.desiredHash);
  const image = images.find((_, index) => isPending(entry, index) || isFailed(entry, index)) ?? '';
  const others = nodes.length === 1 ? '' : ` and on ${nodes.length - 1} more`;
  const message = `${image} is missing on ${name}${others}. ${lossCause(entry).message}`;
  return [{ type: 'Warning', reason: 'ImagesLost', message, key: `lost-${now}` }];
}

/** The cache with the time at which each node became Ready that was not before. */
export function withReadyTimes({ before, now }: World, cache: ImageCache): ImageCache {
  const entries = Object.entries(cache.status.nodes).map(([name, entry]) => {
    const former = ownEntry(before.status.nodes, name);
    const wasReady = former?.state === 'Ready' && former.id === entry.id && former.desiredHash === entry.desiredHash;
    return [
      name,
      entry.state === 'Ready' && !wasReady ? { ...entry, readyAt: roundDownToSecond(now) } : entry,
    ] as const;
  });
  return withStatus(cache, { nodes: Object.fromEntries(entries) });
}
