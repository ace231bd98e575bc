import type { FoundImages } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { hasSameImages } from '#model/cache/with-found.ts';

/** A time of the status, or now: a clock that was ahead may have written it. */
export const pastOr = (now: number, time: number | undefined): number =>
  time === undefined || time > now ? wholeSecond(now) : time;

/** As the status stores it. */
const wholeSecond = (time: number): number => Math.floor(time / 1000) * 1000;

type Interval = { readonly interval: number; readonly now: number };

/** When workloads may open the next round of a cache, in epoch milliseconds; in the past if at once. */
export const foundRoundTime = ({ status: { round } }: ImageCache, at: Interval): number =>
  round?.trigger === 'Workloads' ? nextAfter(round.startTime, at) : -Infinity;

/** An interval after a time of the status; at once if a clock that was ahead has written it. */
const nextAfter = (time: number, { interval, now }: Interval): number =>
  time > now + interval ? -Infinity : time + interval;

/**
 * The found images to use: the new ones, or those of the status until `interval` milliseconds after the last round for
 * workloads, so that a burst of changes does not open a round for each. The status is written as rarely if only names change.
 */
export function foundInTurn(cache: ImageCache, found: FoundImages, at: Interval): FoundImages {
  const { found: known, observedGeneration } = cache.status;
  if (observedGeneration !== cache.generation) return found;
  const next = hasSameImages(found, known) ? nextAfter(known.recordedAt ?? -Infinity, at) : foundRoundTime(cache, at);
  return at.now >= next ? found : known;
}
