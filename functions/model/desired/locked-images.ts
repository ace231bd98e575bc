import { type AnonymousPulls, anonymousPullOf } from '#model/cache/image-answers.ts';
import {
  hasFailed,
  hasKnownLocks,
  lockedOf,
  withLocks,
  withOpened,
  withOpening,
  withRestToOpen,
  hasPutOff,
} from '#model/cache/image-states.ts';
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
  const count = desired.images.length;
  const known = lockedOf(entry, count);
  if (node !== undefined && !keepsPullRecords(node)) return withLocks(entry, known, count);
  const noop = hasKnownLocks(entry) ? [] : [count];
  return withoutDenied(withLocks(entry, [...known, ...pulled, ...noop], count), target);
}

export function withoutDenied(
  entry: LedgerEntry,
  { desired: { images }, anonymousPulls }: Omit<LockTarget, 'node'>,
): LedgerEntry {
  const locked = lockedOf(entry, images.length);
  const left = locked.filter((index) => anonymousPullOf(anonymousPulls, images[index] ?? '') !== 'Denied');
  return left.length === locked.length ? entry : withLocks(entry, left, images.length);
}

/** The entry of a node whose next attempt opens these images. Its failures stay those of the pull. */
export const toOpen = (entry: LedgerEntry, images: readonly number[], desired: DesiredImages): LedgerEntry => ({
  ...withOpening(entry, images, desired.images.length),
  state: 'Pending',
  reason: '',
  attempt: 0,
  rests: 0,
  opening: 'Noop',
  retryDeadline: undefined,
});

/** The entry after an attempt to open its images: what failed stays locked, but for the no-op, which is tried once. */
export const opened = (entry: LedgerEntry): LedgerEntry =>
  hasPutOff(entry)
    ? { ...withRestToOpen(entry), state: 'Pending', rests: entry.rests + 1 }
    : {
        ...withOpened(entry),
        state: hasFailed(entry) ? 'Failed' : 'Ready',
        oneImagePerJob: false,
        opening: undefined,
      };
