import { finalizer } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';
import { versionIn } from './version-in.ts';

/** Adds or removes our finalizer on the version that was read, and returns the version that was written. A cache that is gone needs none. */
export async function setFinalizer(
  api: Api,
  cache: ImageCache,
  change: 'add' | 'release',
): Promise<string | undefined> {
  const others = cache.finalizers.filter((each) => each !== finalizer);
  const value = change === 'add' ? [...others, finalizer] : others;
  const body = [
    { op: 'replace', path: '/metadata/resourceVersion', value: cache.resourceVersion },
    { op: 'add', path: '/metadata/finalizers', value },
  ];
  const call = { method: 'PATCH', path: paths.cache(cache), contentType: 'application/json-patch+json', body } as const;
  try {
    return versionIn(await api.request(call));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
