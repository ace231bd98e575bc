import { type AnonymousPulls, anonymousPullOf } from '#model/cache/access.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { keepsPullRecords, type Node } from '#model/node/node.ts';

/** What locks depend on besides the entry of a node. */
export type LockTarget = {
  /** undefined if it was not observed. */
  readonly node: Node | undefined;
  readonly desired: DesiredImages;
  readonly anonymousPulls: AnonymousPulls;
};

/**
 * Kubelets of 1.35 and newer start an image that was pulled with credentials only for Pods with the same ones. What an
 * attempt pulled with credentials is locked until Pods without any have started it. Images that the registry denies to
 * others stay locked, and are not listed.
 */
export function withLocked(entry: LedgerEntry, pulled: readonly number[], target: LockTarget): LedgerEntry {
  const { node, desired } = target;
  const known = entry.lockedImages ?? [];
  if (node !== undefined && !keepsPullRecords(node)) return { ...entry, lockedImages: known };
  const noop = entry.lockedImages === undefined ? [noopIndex(desired)] : [];
  return withoutDenied({ ...entry, lockedImages: sorted([...known, ...pulled, ...noop]) }, target);
}

export const withoutDenied = (
  entry: LedgerEntry,
  { desired, anonymousPulls }: Omit<LockTarget, 'node'>,
): LedgerEntry => ({
  ...entry,
  lockedImages: entry.lockedImages?.filter(
    (index) => anonymousPullOf(anonymousPulls, desired.images[index] ?? '') !== 'Denied',
  ),
});

/** The entry of a node whose next attempt opens these images. Its failures stay those of the pull. */
export const toOpen = (entry: LedgerEntry, images: readonly number[]): LedgerEntry => ({
  ...entry,
  ...{
    state: 'Pending',
    reason: '',
    attempt: 0,
    rests: 0,
    opening: 'Noop',
    pendingImages: images,
    retryDeadline: undefined,
  },
});

/** Starts over without the no-op, which demands credentials; undefined if there is nothing else to open. */
export function withoutNoop(entry: LedgerEntry, desired: DesiredImages): LedgerEntry | undefined {
  const images = entry.pendingImages?.filter((index) => index !== noopIndex(desired)) ?? [];
  return images.length === 0 ? undefined : { ...toOpen(entry, images), opening: 'Bare', finishedJobs: undefined };
}

/** The entry after an attempt to open its images: what failed stays locked, but for the no-op, which is tried once. */
export function opened(entry: LedgerEntry, failed: readonly number[], desired: DesiredImages): LedgerEntry {
  const done = new Set([noopIndex(desired), ...(entry.pendingImages ?? []).filter((index) => !failed.includes(index))]);
  const lockedImages = (entry.lockedImages ?? []).filter((index) => !done.has(index));
  const state = entry.failedImages.length > 0 ? 'Failed' : 'Ready';
  const nothingDue = { pendingImages: undefined, oneImagePerJob: false, finishedJobs: undefined, opening: undefined };
  return { ...entry, ...nothingDue, state, lockedImages };
}

const noopIndex = ({ images }: DesiredImages): number => images.length;

const sorted = (indexes: readonly number[]): readonly number[] => [...new Set(indexes)].toSorted((a, b) => a - b);
