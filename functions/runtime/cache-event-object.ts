import type { CoreV1Event } from '@kubernetes/client-node';
import { apiVersion, fieldManager, imageCacheKind } from '#model/api.ts';
import { hash } from '#model/hash.ts';
import type { ImageCache } from '#model/image-cache.ts';
import type { CacheEvent } from '#model/kubernetes-event.ts';
import type { Wire } from '#model/wire.ts';

/** The Event object of something that happened to a cache; its name is made of what happened, so that it is recorded once. */
export function cacheEventObject(cache: ImageCache, event: CacheEvent, now: number): Wire<CoreV1Event> {
  const { namespace, name, uid, resourceVersion } = cache;
  const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200)}.${hash(16, uid, event.reason, event.key)}`, namespace },
    involvedObject: { apiVersion, kind: imageCacheKind, namespace, name, uid, resourceVersion },
    reason: event.reason,
    message: event.message.slice(0, 1024),
    source: { component: fieldManager },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    type: event.type,
  };
}
