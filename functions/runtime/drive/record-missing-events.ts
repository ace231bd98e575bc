import type { ImageCache } from '#model/cache/image-cache.ts';
import { roundRemovalEvent } from '#model/removal/removal-report.ts';
import { endEvent, hasEndedRecently } from '#model/round/close-round.ts';
import type { Context } from '#runtime/handler.ts';

/** Records the Events of a round that has just ended, if the process that closed the round failed or ended before it did. */
export async function recordMissingEvents(cache: ImageCache, { cluster, now }: Context): Promise<void> {
  if (!hasEndedRecently(cache, now())) return;
  for (const event of [endEvent(cache.status), ...roundRemovalEvent(cache)]) {
    if (await cluster.isRecorded(cache, event)) continue;
    await cluster.record(cache, event, cache.status.completionTime ?? now());
  }
}
