import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import {
  serializeStatus,
  serializeStatusWithoutTexts,
  type SerializedStatus,
} from '#model/desired/serialize-status.ts';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { onlyMetadata } from '#runtime/api/media-type.ts';
import { paths } from '#runtime/api/paths.ts';

/** Replaces the status of the version that was read. A status that is too large is written without its texts. */
export async function writeStatus(api: Api, cache: ImageCache, status: Status): Promise<void> {
  try {
    await patch(api, cache, serializeStatus(status, cache));
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    await patch(api, cache, serializeStatusWithoutTexts(status, cache));
  }
}

/** Replaces the whole status, since a merge would keep old keys. The resourceVersion makes the patch fail if the cache has changed. */
async function patch(api: Api, cache: ImageCache, status: SerializedStatus): Promise<void> {
  const body = [
    { op: 'replace', path: '/metadata/resourceVersion', value: cache.resourceVersion },
    { op: 'add', path: '/status', value: status },
  ];
  await api.request({
    method: 'PATCH',
    path: `${paths.cache(cache)}/status`,
    contentType: 'application/json-patch+json',
    body,
    accept: onlyMetadata,
  });
}

/** Three limits answer differently: that of etcd, of the API server's connection to etcd, and of a request. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status === 413 || /request is too large|ResourceExhausted|larger than max/.test(error.message));
