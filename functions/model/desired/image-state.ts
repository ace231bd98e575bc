import { type LedgerEntry, isFailing } from '#model/cache/ledger.ts';

export type ImageState = 'present' | 'failed' | 'failing' | 'pulling' | 'waiting' | 'unknown';

/** The state of one image on a node, by its index. A node that failed without failed images has reported on none. */
export function imageState(entry: LedgerEntry, index: number): ImageState {
  const { state, failedImages, failingImages, absentImages, pendingImages, opening } = entry;
  if (state === 'Ready') return 'present';
  if (opening !== undefined) return failedImages.includes(index) ? 'failed' : 'present';
  if (state === 'Failed')
    return failedImages.includes(index) ? 'failed' : failedImages.length === 0 ? 'unknown' : 'present';
  const isPending = pendingImages === undefined || pendingImages.includes(index);
  if (state === 'Skipped') return 'unknown';
  if (absentImages.includes(index)) return 'failed';
  if (isFailing(entry) && (failingImages.includes(index) || failedImages.includes(index))) return 'failing';
  if (!isPending) return 'present';
  return state === 'Pulling' ? 'pulling' : 'waiting';
}
