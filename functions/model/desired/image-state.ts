import { hasFailed, isFailed, isFailingOn, isPending, isPutOff, isUntried } from '#model/cache/image-states.ts';
import { type LedgerEntry, isFailing } from '#model/cache/ledger.ts';

export type ImageState = 'present' | 'failed' | 'failing' | 'pulling' | 'waiting' | 'unknown';

/** The state of one image on a node, by its index. A node that failed without failed images has reported on none. */
export function imageState(entry: LedgerEntry, index: number): ImageState {
  const { state, opening } = entry;
  if (state === 'Ready') return 'present';
  if (opening !== undefined) return isFailed(entry, index) ? 'failed' : 'present';
  if (state === 'Failed') return isFailed(entry, index) ? 'failed' : hasFailed(entry) ? 'present' : 'unknown';
  if (state === 'Skipped') return 'unknown';
  if (isUntried(entry, index)) return 'failed';
  if (isFailing(entry) && (isFailingOn(entry, index) || isFailed(entry, index))) return 'failing';
  if (isPutOff(entry, index)) return 'waiting';
  if (!isPending(entry, index)) return 'present';
  return state === 'Pulling' ? 'pulling' : 'waiting';
}
