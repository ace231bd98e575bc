import type { CoreV1Event } from '@kubernetes/client-node';
import * as z from 'zod/mini';
import {
  apiVersion,
  eventSource,
  finalizer,
  imageCacheKind,
  imageCachePlural,
  type CacheEvent,
} from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { serializeStatus, serializeStatusWithoutTexts } from '#model/status/serialize-status.ts';
import { hash } from '#model/text/hash.ts';
import { timeText } from '#model/text/times.ts';
import type { Serialized } from '#model/job/job-pod.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { onlyMetadata } from '#runtime/api/answer.ts';
import { isWithin, type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';
import { ApiError, isConflict, isNotFound, unless } from '#runtime/errors.ts';
import { otherInstallations } from './other-installations.ts';
import { type CacheListing, cacheOrUnreadable, find, isUnreadable, readableCache, versionIn } from './objects.ts';

/**
 * Reads and writes ImageCaches and their Events; with `namespaces`, caches in others count as absent. A write of a cache returns the
 * version that follows the one that was read; undefined if it is not known, or another one came between.
 */
export function cacheCalls(api: Api, namespaces: Namespaces, installNamespace: string) {
  const others = otherInstallations(installNamespace, Date.now());
  const parsed = (object: unknown): ImageCache => {
    const cache = readableCache(object);
    others.note(object, cache);
    return cache;
  };
  const write = async (cache: ImageCache, status: object): Promise<string | undefined> =>
    writeStatus(api, cache, status, others.query);
  const listCaches = async (): Promise<CacheListing> => {
    const listing = { bound: 'page_caches', parse: cacheOrUnreadable } as const;
    const all = await listItems(api, pathsWithin(namespaces, paths.caches), listing);
    const caches = all.filter((cache): cache is ImageCache => !isUnreadable(cache));
    return { caches, unreadable: all.filter(isUnreadable) };
  };
  return {
    /** Undefined if it does not exist. Throws `Rejected` if it cannot be parsed. */
    cache: async (reference: CacheReference): Promise<ImageCache | undefined> =>
      isWithin(namespaces, reference.namespace) ? find(api, () => paths.cache(reference), parsed) : undefined,
    /** The namespaces of other installations that write the status of a cache that `cache` has read; each once. */
    otherInstallations: others.of,
    /** All that can be read. */
    caches: async (): Promise<readonly ImageCache[]> => (await listCaches()).caches,
    listCaches,
    /** Replaces the whole status. Throws `ApiError` 409 if the cache has changed since it was read. One that is too large is written without its texts. */
    writeStatus: async (cache: ImageCache, status: Status): Promise<string | undefined> => {
      try {
        return await write(cache, serializeStatus(status, cache));
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        return await write(cache, serializeStatusWithoutTexts(status, cache));
      }
    },
    removeAnnotations: async (cache: ImageCache, values: Readonly<Record<string, string>>) =>
      removeAnnotations(api, cache, values),
    /** Adds or removes our finalizer. Throws `ApiError` 409 if the cache has changed since it was read. One that is gone needs none. */
    setFinalizer: async (cache: ImageCache, change: 'add' | 'release'): Promise<string | undefined> => {
      const others = cache.finalizers.filter((each) => each !== finalizer);
      const value = change === 'add' ? [...others, finalizer] : others;
      const body = [isVersionRead(cache), { op: 'add', path: '/metadata/finalizers', value }];
      try {
        return versionIn(await api.request({ method: 'PATCH', path: paths.cache(cache), contentType, body }));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    /** Records an Event with the time `now`, once, however often it is called: its name is derived from what happened. */
    record: async (cache: EventSubject, event: CacheEvent, now: number): Promise<void> => {
      const body = eventObject(cache, event, now);
      await unless(isConflict, api.request({ method: 'POST', path: paths.events(cache.namespace), body }));
    },
    /** Whether an Event has been recorded. Lists rather than gets it, since functions have the right to list Events only. */
    isRecorded: async (cache: EventSubject, event: CacheEvent): Promise<boolean> => {
      const query = new URLSearchParams({ fieldSelector: `metadata.name=${eventName(cache, event)}`, limit: '1' });
      const path = `${paths.events(cache.namespace)}?${query.toString()}`;
      return eventList.parse(await api.request({ method: 'GET', path })).items.length > 0;
    },
  };
}

const contentType = 'application/json-patch+json';

/** Makes a patch fail with 409 if the cache has changed since it was read. */
const isVersionRead = ({ resourceVersion }: ImageCache) => ({
  op: 'replace',
  path: '/metadata/resourceVersion',
  value: resourceVersion,
});

/** Replaces the whole status, since a merge would keep old keys. */
async function writeStatus(api: Api, cache: ImageCache, value: object, query: string): Promise<string | undefined> {
  const body = [isVersionRead(cache), { op: 'add', path: '/status', value }];
  const path = `${paths.cache(cache)}/status${query}`;
  try {
    return versionIn(await api.request({ method: 'PATCH', path, contentType, body, accept: onlyMetadata }));
  } catch (error) {
    if (isNotFound(error) && (await crdKind(api)) === 'kube-fledged') throw withoutStatus(error);
    throw error;
  }
}

/** Three limits answer differently: that of etcd, of the API server's connection to etcd, and of a request. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status === 413 || /request is too large|ResourceExhausted|larger than max/.test(error.message));

/** kube-fledged's CRD has no status subresource: the server answers as if there were no such cache. */
const withoutStatus = (cause: unknown): ApiError =>
  new ApiError(
    'the CRD is that of kube-fledged, and no status can be written',
    { status: 0, retryAfterMs: 10_000 },
    { cause },
  );

/** Which CustomResourceDefinition is installed; kube-fledged's has no status subresource, so writing status would fail. */
export type CrdKind = 'ours' | 'kube-fledged' | 'none';

const discovered = z.object({ resources: z.array(z.object({ name: z.string() })) });

/** Reads the discovery API, which is open to every authenticated user. Throws `ApiError`. */
export async function crdKind(api: Api): Promise<CrdKind> {
  try {
    const { resources } = discovered.parse(await api.request({ method: 'GET', path: `/apis/${apiVersion}` }));
    const names = resources.map(({ name }) => name);
    if (names.includes(`${imageCachePlural}/status`)) return 'ours';
    return names.includes(imageCachePlural) ? 'kube-fledged' : 'none';
  } catch (error) {
    if (isNotFound(error)) return 'none';
    throw error;
  }
}

/**
 * Removes annotations that still have these values: another function may have removed them, or a user changed them. First from the
 * version that was read, so that the new one is known to follow it; any other version will do, too.
 */
async function removeAnnotations(
  api: Api,
  cache: ImageCache,
  values: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const path = paths.cache(cache);
  const isRead = { op: 'test', path: '/metadata/resourceVersion', value: cache.resourceVersion };
  const removal = Object.entries(values).flatMap(([key, value]) => {
    const pointer = `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return [
      { op: 'test', path: pointer, value },
      { op: 'remove', path: pointer },
    ];
  });
  try {
    return versionIn(await api.request({ method: 'PATCH', path, contentType, body: [isRead, ...removal] }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isInvalid(error)) throw error;
  }
  try {
    await api.request({ method: 'PATCH', path, contentType, body: removal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isInvalid(error)) throw error;
    const live = await find(api, () => path, readableCache);
    if (Object.entries(values).some(([key, value]) => live?.annotations[key] === value)) throw error;
  }
  return undefined;
}

/** Whether the test of a JSON patch has failed, or its result is refused. */
const isInvalid = (error: unknown): boolean => error instanceof ApiError && error.status === 422;

/** The cache that an Event is about. */
type EventSubject = Pick<ImageCache, 'namespace' | 'name' | 'uid' | 'resourceVersion'>;

const eventList = z.object({ items: z.array(z.unknown()) });

const eventName = ({ name, uid }: EventSubject, { reason, key }: CacheEvent): string =>
  `${name.slice(0, 200)}.${hash(16, uid, reason, key)}`;

function eventObject(cache: EventSubject, event: CacheEvent, now: number): Serialized<CoreV1Event> {
  const { namespace, name, uid, resourceVersion } = cache;
  const time = timeText(now);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(cache, event), namespace },
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
