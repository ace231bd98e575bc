import * as z from 'zod/mini';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { cacheEventName, cacheEventObject, type EventSubject } from './cache-event-object.ts';
import { isConflict, unless } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Records an Event with the time `now`, once: its name is derived from what happened. */
export async function record(
  api: Api,
  cache: EventSubject,
  { event, now }: { readonly event: CacheEvent; readonly now: number },
): Promise<void> {
  const body = cacheEventObject(cache, event, now);
  await unless(isConflict, api.request({ method: 'POST', path: paths.events(cache.namespace), body }));
}

const listing = z.object({ items: z.array(z.unknown()) });

/** Whether an Event has been recorded. Lists rather than gets it, since functions have the right to list Events only. */
export async function isRecorded(api: Api, cache: EventSubject, event: CacheEvent): Promise<boolean> {
  const query = new URLSearchParams({ fieldSelector: `metadata.name=${cacheEventName(cache, event)}`, limit: '1' });
  const path = `${paths.events(cache.namespace)}?${query.toString()}`;
  return listing.parse(await api.request({ method: 'GET', path })).items.length > 0;
}
