import type { ImageCache } from '#model/cache/image-cache.ts';
import { limiter } from '#runtime/api/limiter.ts';
import { boundTable } from '#runtime/bounds.ts';
import { RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { orKnown, type ReadFoundImages, readFoundImages, type ReadWorkloads } from './read-found-images.ts';

/** Works on a cache whose images come from workloads, once few enough others have theirs read. */
export type ReadingInTick = (work: (readFound: ReadFoundImages) => Promise<void>) => Promise<void>;

/**
 * Reads the workloads of caches of a tick, a few caches at a time and within a time for all. What was found before stays where they
 * cannot be read: nothing retries a tick, as it does an event.
 */
export function readInTick(context: Context): ReadingInTick {
  const enter = limiter(boundTable.tick_readings.limit);
  const end = context.now() + boundTable.tick_reading_seconds.limit * 1000;
  const reader = (): ReadFoundImages =>
    context.now() < end ? readFoundImages(context) : readFoundImages(context, readNothing);
  return async (work) => enter(async () => work(orKnown(reader(), context)), context.signal);
}

const readNothing: ReadWorkloads = () =>
  Promise.reject(new RetryLater('the workloads of other caches have taken the time of this tick', 60_000));

/** The caches in another order with each tick, as those at the end may not be read. */
export function inTurn(caches: readonly ImageCache[], now: number): readonly ImageCache[] {
  const first = (Math.floor(now / 60_000) * boundTable.tick_readings.limit) % Math.max(1, caches.length);
  return [...caches.slice(first), ...caches.slice(0, first)];
}
