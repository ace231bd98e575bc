import { refusedMessage } from '#model/cache/conditions.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import { roundRemovalEvent } from '#model/removal/removal-report.ts';
import { endEvent, failingEvents, hasEndedRecently } from '#model/report/reported-status.ts';
import type { Context } from '#runtime/handler.ts';

/**
 * Records what no plan does: the Events of a round that has just ended, if the process that closed the round failed or ended
 * before it did, and that of a cache that has been failing for a while.
 */
export async function recordMissingEvents(cache: ImageCache, { cluster, now }: Context): Promise<void> {
  const record = async (event: CacheEvent, time: number): Promise<void> => {
    if (!(await cluster.isRecorded(cache, event))) await cluster.record(cache, event, time);
  };
  if (hasEndedRecently(cache, now()) && refusedMessage(cache.status) === undefined)
    for (const event of [endEvent(cache.status), ...roundRemovalEvent(cache)])
      await record(event, cache.status.completionTime ?? now());
  for (const event of failingEvents(cache, now())) await record(event, now());
}
