import { setTimeout as pause } from 'node:timers/promises';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Milliseconds between two reads: at least, and if the cache cannot be watched. */
const minPause = 200;
const pollPause = 2000;

/** Returns when a cache may have changed since this version, or when `signal` aborts. It may return early. */
export async function nextChange(
  api: Api,
  { namespace, name }: CacheReference,
  { resourceVersion, signal }: { readonly resourceVersion: string; readonly signal: AbortSignal },
): Promise<void> {
  const fieldSelector = `metadata.name=${name}`;
  const query = new URLSearchParams({ watch: 'true', fieldSelector, resourceVersion, timeoutSeconds: '60' });
  const collection = paths.cache({ namespace, name }).replace(/\/[^/]+$/, '');
  try {
    for await (const line of api.lines({ method: 'GET', path: `${collection}?${query.toString()}`, signal }))
      if (line !== '') break;
    await sleep(minPause, signal);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Watching is forbidden or the connection was lost: the next read shows which.
    await sleep(pollPause, signal);
  }
}

const sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  pause(milliseconds, undefined, { signal }).catch(() => undefined);
