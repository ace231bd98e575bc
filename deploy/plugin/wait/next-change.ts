import { setTimeout as pause } from 'node:timers/promises';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Milliseconds between two looks, however fast changes come, and where no watch can be had. */
const leastPause = 200;
const pollPause = 2000;

/** Returns when an object may have changed since this version of it, or when `signal` aborts. It may return early. */
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
    await rest(leastPause, signal);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Without the right to watch, or with the connection gone: the next look tells which.
    await rest(pollPause, signal);
  }
}

const rest = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  pause(milliseconds, undefined, { signal }).catch(() => undefined);
