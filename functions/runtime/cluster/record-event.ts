import * as z from 'zod/mini';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { cacheEventName, cacheEventObject, type EventSubject } from './cache-event-object.ts';
import { isConflict } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Records an Event of `now`, milliseconds since 1970; once, however often it is told. Throws `ApiError` where that is refused. */
export async function record(api: Api, cache: EventSubject, event: CacheEvent, now: number): Promise<void> {
  try {
    await api.request({
      method: 'POST',
      path: paths.events(cache.namespace),
      body: cacheEventObject(cache, event, now),
    });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

const listing = z.object({ items: z.array(z.unknown()) });

/** Whether it has been recorded. Asked by a list of one: functions may list Events, and need no right to get them. */
export async function isRecorded(api: Api, cache: EventSubject, event: CacheEvent): Promise<boolean> {
  const query = new URLSearchParams({ fieldSelector: `metadata.name=${cacheEventName(cache, event)}`, limit: '1' });
  const path = `${paths.events(cache.namespace)}?${query.toString()}`;
  return listing.parse(await api.request({ method: 'GET', path })).items.length > 0;
}
