import { recentCompletionEvent } from '#model/round/close-round.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Context } from '#runtime/handler.ts';

/** Records the Event of a round that has just ended, if the process that closed the round ended before it did. */
export async function recordMissingEvent(cache: ImageCache, { cluster, now }: Context): Promise<void> {
  const completion = recentCompletionEvent(cache, now());
  if (completion === undefined || (await cluster.isRecorded(cache, completion))) return;
  await cluster.record(cache, completion, cache.status.completionTime ?? now());
}
