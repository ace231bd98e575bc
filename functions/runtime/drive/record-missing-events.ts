import { recentCompletionEvent } from '#model/round/close-round.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Context } from '#runtime/handler.ts';

/** Records the Events of rounds that have just ended, where whoever closed the round died before it. Throws the first `ApiError`. */
export async function recordMissingEvents(caches: readonly ImageCache[], { cluster, now }: Context): Promise<void> {
  for (const cache of caches) {
    const end = recentCompletionEvent(cache, now());
    if (end === undefined || (await cluster.isRecorded(cache, end))) continue;
    await cluster.record(cache, end, cache.status.completionTime ?? now());
  }
}
