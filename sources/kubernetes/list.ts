import type { Api, ApiCall } from '#runtime/api/api.ts';
import { type Place, placeForAnswer, slices } from '#runtime/api/limits.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ApiError, isAnswerTooLarge } from '#runtime/errors.ts';
import { listAt, textAt } from './json.ts';
import { collectionPath, entryOf, type Entry, type Resource } from './resource.ts';

export type Listed<P> = { readonly resourceVersion: string; readonly entries: ReadonlyMap<string, Entry<P>> };

/** Lists the whole collection in pages, projecting each page before the next request; restarts if the list expires. */
export async function list<P>(api: Api, resource: Resource<P>, signal: AbortSignal): Promise<Listed<P>> {
  for (;;) {
    const listed = await listOnce(api, resource, signal);
    if (listed !== 'expired') return listed;
  }
}

async function listOnce<P>(api: Api, resource: Resource<P>, signal: AbortSignal): Promise<Listed<P> | 'expired'> {
  const entries = new Map<string, Entry<P>>();
  const rest = slices();
  let limit: number = boundTable.page_watched.limit;
  let next: string | undefined;
  for (;;) {
    const path = collectionPath(resource, { limit: String(limit), continue: next });
    const place = resource.isOfUsers === true ? placeForAnswer(api) : undefined;
    try {
      const page = await readPage(api, { path, signal, place }).catch((error: unknown) => {
        if (next !== undefined && error instanceof ApiError && error.status === 410) return 'expired' as const;
        if (isAnswerTooLarge(error) && limit > 1) return 'tooLarge' as const;
        throw error;
      });
      if (page === 'expired') return 'expired';
      if (page === 'tooLarge') {
        limit = Math.ceil(limit / 2);
        continue;
      }
      for (const item of listAt(page.body, 'items')) {
        entries.set(...entryOf(resource, item));
        await rest();
      }
      next = textAt(page.body, 'metadata', 'continue') ?? '';
      if (next === '') return { resourceVersion: textAt(page.body, 'metadata', 'resourceVersion') ?? '', entries };
    } finally {
      place?.give();
    }
  }
}

type PageToRead = Pick<ApiCall, 'path'> & {
  readonly signal: AbortSignal;
  /** Of a page whose size users decide. */
  readonly place: Place | undefined;
};

async function readPage(api: Api, { path, signal, place }: PageToRead): Promise<{ readonly body: unknown }> {
  const bounded = place && { maxBytes: boundTable.page_bytes.limit, beforeBody: place.take };
  return { body: await api.request({ method: 'GET', path, signal, ...bounded }) };
}
