import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';
import { find } from './find.ts';
import { readableCache } from './unreadable.ts';
import { versionIn } from './version-in.ts';

/**
 * Removes annotations that still have these values: another function may have removed them, or a user changed them. First from the
 * version that was read, so that the new one is known to follow it; any other version will do, too.
 */
export async function removeAnnotations(
  api: Api,
  cache: ImageCache,
  values: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const path = paths.cache(cache);
  const contentType = 'application/json-patch+json';
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
    const isThere = Object.entries(values).some(([key, value]) => live?.annotations[key] === value);
    if (isThere) throw error;
  }
  return undefined;
}

/** Whether the test of a JSON patch has failed, or its result is refused. */
const isInvalid = (error: unknown): boolean => error instanceof ApiError && error.status === 422;
