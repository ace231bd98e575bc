import type { Status } from '#model/cache/image-cache.ts';
import type { RemovalEntry, SparedImage } from '#model/cache/removal-ledger.ts';
import { type SerializedFields, text, time } from './optional-fields.ts';

/** The fields with the removal ledger; none if it is empty. */
export function serializedRemovals({ removals, toRemove }: Status): SerializedFields {
  if (Object.keys(removals).length === 0) return {};
  const entries = Object.entries(removals).map(([name, entry]) => [name, serializedRemoval(entry)]);
  return { removals: Object.fromEntries(entries), toRemove };
}

export function serializedRemoval(entry: RemovalEntry): SerializedFields {
  const { id, imagesHash, round, attempt, state, reason, message, retryTime, sparedImages, ...counts } = entry;
  return {
    ...{ id, imagesHash, round, attempt, state },
    ...text('reason', reason),
    ...text('message', message),
    ...time('retryTime', retryTime),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(sparedImages.length === 0 ? {} : { sparedImages: sparedImages.map(serializedSpared) }),
  };
}

const serializedSpared = ({ image, reason, by }: SparedImage): SerializedFields => ({
  image,
  reason,
  ...text('by', by),
});
