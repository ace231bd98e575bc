import { timeText } from '#model/text/times.ts';
import type { CoreV1Event } from '@kubernetes/client-node';
import { apiVersion, eventSource, imageCacheKind } from '#model/cache/api.ts';
import { hash } from '#model/text/hash.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Serialized } from '#model/job/job-pod.ts';

/** The cache that an Event is about. */
export type EventSubject = Pick<ImageCache, 'namespace' | 'name' | 'uid' | 'resourceVersion'>;

/** The name of an Event, derived from what happened so that it is recorded once. */
export const cacheEventName = ({ name, uid }: EventSubject, { reason, key }: CacheEvent): string =>
  `${name.slice(0, 200)}.${hash(16, uid, reason, key)}`;

/** The Event object for something that happened to a cache at `now`, in epoch milliseconds. */
export function cacheEventObject(cache: EventSubject, event: CacheEvent, now: number): Serialized<CoreV1Event> {
  const { namespace, name, uid, resourceVersion } = cache;
  const time = timeText(now);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: cacheEventName(cache, event), namespace },
    involvedObject: { apiVersion, kind: imageCacheKind, namespace, name, uid, resourceVersion },
    reason: event.reason,
    message: event.message.slice(0, 1024),
    source: { component: eventSource },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    type: event.type,
  };
}
