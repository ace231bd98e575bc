import type { FinishedJobs, LedgerEntry } from '#model/cache/ledger.ts';
import { type SerializedFields, text, time } from './optional-fields.ts';

/** The ledger entry of a node. */
export function serializedEntry({
  id,
  desiredHash,
  retainedHash,
  attempt,
  rests,
  state,
  reason,
  pendingImages,
  failedImages,
  absentImages,
  failingImages,
  failingUntil,
  opening,
  lockedImages,
  oneImagePerJob,
  retryDeadline,
  holdsImages,
  copiesNoop,
  topology,
  finishedJobs,
}: LedgerEntry): SerializedFields {
  return {
    ...{ id, desiredHash },
    ...text('retainedHash', retainedHash ?? ''),
    attempt,
    ...(rests === 0 ? {} : { rests }),
    state,
    ...text('reason', reason),
    ...(pendingImages === undefined ? {} : { pendingImages }),
    ...(failedImages.length === 0 ? {} : { failedImages }),
    ...(absentImages.length === 0 ? {} : { absentImages }),
    ...(failingImages.length === 0 ? {} : { failingImages }),
    ...time('failingUntil', failingUntil),
    ...text('opening', opening ?? ''),
    ...(lockedImages === undefined ? {} : { lockedImages }),
    ...(oneImagePerJob ? { oneImagePerJob } : {}),
    ...time('retryDeadline', retryDeadline),
    ...(holdsImages ? { holdsImages } : {}),
    ...(copiesNoop ? { copiesNoop } : {}),
    ...(topology === undefined ? {} : { topology }),
    ...(finishedJobs === undefined ? {} : { finishedJobs: serializedJobs(finishedJobs) }),
  };
}

const serializedJobs = ({ imagesPerJob, jobs, failedImages, inconclusive }: FinishedJobs) => ({
  ...{ imagesPerJob, jobs },
  ...(failedImages.length === 0 ? {} : { failedImages }),
  ...(inconclusive ? { inconclusive } : {}),
});
