import type { ImageCache } from '#model/cache/image-cache.ts';
import { type Limiter, limiter } from '#runtime/api/limits.ts';
import { boundTable } from '#runtime/bounds.ts';
import { RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { namespacesInTurn } from './drive-in-tick.ts';
import { orKnown, type ReadFoundImages, readFoundImages } from './read-found-images.ts';
import { readInTime, type ReadWorkloads } from './read-workloads.ts';

/** Works on a cache whose images come from workloads, once few enough others have theirs read. */
export type ReadingInTick = (cache: ImageCache, work: (reading: Reading) => Promise<void>) => Promise<void>;

type Reading = {
  readonly readFound: ReadFoundImages;
  /** Stops reading: a cache that is edited later has its own event. */
  readonly end: () => void;
};

/**
 * Reads the workloads of caches of a tick, a few caches at a time, fewer of one namespace, and within a time for all. What was found
 * before stays where they cannot be read: nothing retries a tick, as it does an event.
 */
export function readInTick(context: Context): ReadingInTick {
  const { signal } = context;
  const enter = limiter(boundTable.tick_readings.limit);
  const ofNamespaces = new Map<string, Limiter>();
  const enterOf = (namespace: string): Limiter => {
    const known = ofNamespaces.get(namespace) ?? limiter(boundTable.tick_readings_of_namespace.limit);
    ofNamespaces.set(namespace, known);
    return known;
  };
  const end = context.now() + boundTable.tick_reading_seconds.limit * 1000;
  const read = async (work: (reading: Reading) => Promise<void>): Promise<void> => {
    let late = context.now() < end ? undefined : 'the workloads of other caches have taken the time of this tick';
    const readWorkloads: ReadWorkloads = (cache, of) =>
      late === undefined ? readInTime(cache, of) : Promise.reject(new RetryLater(late, 60_000));
    const readFound = orKnown(readFoundImages(context, readWorkloads), context);
    await work({ readFound, end: () => void (late ??= 'the cache was edited in this tick') });
  };
  return async ({ namespace }, work) => enterOf(namespace)(async () => enter(async () => read(work), signal), signal);
}

/** The caches of all namespaces in turn, in another order with each tick, as those at the end may not be read. */
export function inTurn(caches: readonly ImageCache[], now: number): readonly ImageCache[] {
  const first = (Math.floor(now / 60_000) * boundTable.tick_readings.limit) % Math.max(1, caches.length);
  return namespacesInTurn([...caches.slice(first), ...caches.slice(0, first)]);
}
