import { recentEnd } from '#model/close-round.ts';
import type { ImageCache } from '#model/image-cache.ts';
import type { Context } from './handler.ts';

/** Records the Events of rounds that have just ended, where whoever closed the round died before it. Throws the first `ApiError`. */
export async function tellEnds(caches: readonly ImageCache[], { cluster, now }: Context): Promise<void> {
  for (const cache of caches) {
    const end = recentEnd(cache, now());
    if (end === undefined || (await cluster.isRecorded(cache, end))) continue;
    await cluster.record(cache, end, cache.status.completionTime ?? now());
  }
}
