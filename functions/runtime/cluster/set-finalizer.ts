import { finalizer } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound, unless } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Adds or removes our finalizer on the version that was read. A cache that is gone needs none. */
export async function setFinalizer(api: Api, cache: ImageCache, change: 'add' | 'release'): Promise<void> {
  const others = cache.finalizers.filter((each) => each !== finalizer);
  const value = change === 'add' ? [...others, finalizer] : others;
  const body = [
    { op: 'replace', path: '/metadata/resourceVersion', value: cache.resourceVersion },
    { op: 'add', path: '/metadata/finalizers', value },
  ];
  const call = { method: 'PATCH', path: paths.cache(cache), contentType: 'application/json-patch+json', body } as const;
  await unless(isNotFound, api.request(call));
}
