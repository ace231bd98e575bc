import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { serializeStatus, serializeStatusWithoutTexts } from '#model/status/serialize-status.ts';
import type { SerializedFields } from '#model/status/optional-fields.ts';
import type { Api } from '#runtime/api/api.ts';
import { crdKind } from './crd-kind.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { onlyMetadata } from '#runtime/api/answer.ts';
import { paths } from '#runtime/api/paths.ts';
import { versionIn } from './version-in.ts';

/**
 * Replaces the status of the version that was read, and returns the version that was written. A status that is too large is written
 * without its texts.
 */
export async function writeStatus(api: Api, cache: ImageCache, status: Status): Promise<string | undefined> {
  try {
    return await patch(api, cache, serializeStatus(status, cache));
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    return await patch(api, cache, serializeStatusWithoutTexts(status, cache));
  }
}

/** Replaces the whole status, since a merge would keep old keys. The resourceVersion makes the patch fail if the cache has changed. */
async function patch(api: Api, cache: ImageCache, status: SerializedFields): Promise<string | undefined> {
  const body = [
    { op: 'replace', path: '/metadata/resourceVersion', value: cache.resourceVersion },
    { op: 'add', path: '/status', value: status },
  ];
  const path = `${paths.cache(cache)}/status`;
  const call = {
    method: 'PATCH',
    path,
    contentType: 'application/json-patch+json',
    body,
    accept: onlyMetadata,
  } as const;
  try {
    return versionIn(await api.request(call));
  } catch (error) {
    if (isNotFound(error) && (await crdKind(api)) === 'kube-fledged') throw withoutStatus(error);
    throw error;
  }
}

/** kube-fledged's CRD has no status subresource: the server answers as if there were no such cache. */
const withoutStatus = (cause: unknown): ApiError =>
  new ApiError(
    'the CRD is that of kube-fledged, and no status can be written',
    { status: 0, retryAfterMs: 10_000 },
    { cause },
  );

/** Three limits answer differently: that of etcd, of the API server's connection to etcd, and of a request. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status === 413 || /request is too large|ResourceExhausted|larger than max/.test(error.message));
