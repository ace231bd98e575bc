import { packedImages, usualImages } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
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
  images,
  noop,
  failingUntil,
  opening,
  oneImagePerJob,
  retryDeadline,
  holdsImages,
  copiesNoop,
  topology,
}: LedgerEntry): SerializedFields {
  return {
    ...{ id, desiredHash },
    ...text('retainedHash', retainedHash ?? ''),
    attempt,
    ...(rests === 0 ? {} : { rests }),
    state,
    ...text('reason', reason),
    ...text('images', images === usualImages(state) ? '' : packedImages(images)),
    ...text('noop', noop ?? ''),
    ...time('failingUntil', failingUntil),
    ...text('opening', opening ?? ''),
    ...(oneImagePerJob ? { oneImagePerJob } : {}),
    ...time('retryDeadline', retryDeadline),
    ...(holdsImages ? { holdsImages } : {}),
    ...(copiesNoop ? { copiesNoop } : {}),
    ...(topology === undefined ? {} : { topology }),
  };
}
