import * as z from 'zod/mini';
import { boundTable, type PageBound } from '#runtime/bounds.ts';
import { ApiError, isAnswerTooLarge, tooLarge } from '#runtime/errors.ts';
import type { Api } from './api.ts';
import { type Place, placeForAnswer, slices } from './limits.ts';

type Listing<Item> = {
  /** Items per page: few of large ones, to bound memory. */
  readonly bound: PageBound;
  readonly parse: (object: unknown) => Item;
  readonly selector?: string | undefined;
  readonly fieldSelector?: string;
  /** Requests metadata only, which is much smaller. */
  readonly isMetadata?: boolean;
  /** Accepts what the API server has in memory, which may be a moment old: it then need not read all objects of the kind from etcd. */
  readonly isCached?: boolean;
  /** Whether no further pages are to be read. */
  readonly isEnough?: (items: readonly Item[]) => boolean;
  /** Whether users decide how large the objects are: pages then have a limit in bytes, too. */
  readonly isOfUsers?: boolean | undefined;
  /** Ends the listing with its reason. */
  readonly signal?: AbortSignal;
};

type Query = Omit<Listing<unknown>, 'parse' | 'isEnough'>;

/** All items of a collection at one version. */
export type Listed<Item> = {
  readonly items: readonly Item[];
  /** '' if it is not known. */
  readonly resourceVersion: string;
};

/** Lists all pages of one path, or of several as one list. */
export async function listItems<Item>(
  api: Api,
  paths: string | readonly string[],
  listing: Listing<Item>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (const path of [paths].flat()) items.push(...(await listVersion(api, path, listing)).items);
  return items;
}

/** Lists all pages, parsing each item as it is read. Restarts once if the continue token expires. */
export async function listVersion<Item>(api: Api, path: string, listing: Listing<Item>): Promise<Listed<Item>> {
  try {
    return await allPages(api, path, listing);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 410) throw error;
    return allPages(api, path, listing);
  }
}

async function allPages<Item>(api: Api, path: string, listing: Listing<Item>): Promise<Listed<Item>> {
  const items: Item[] = [];
  const rest = slices();
  let limit: number = boundTable[listing.bound].limit;
  let [next, resourceVersion] = ['', ''];
  for (;;) {
    const place = listing.isOfUsers === true ? placeForAnswer(api) : undefined;
    try {
      const page = await readPage(api, `${path}?${queryOf(listing, limit, next)}`, listing, place);
      if (page === 'tooLarge') {
        if (limit === 1) throw tooLarge(`GET ${path}: an object exceeds ${boundTable.page_bytes.limit} bytes`);
        limit = Math.ceil(limit / 2);
        continue;
      }
      for (const item of page.items ?? []) {
        items.push(listing.parse(item));
        await rest();
      }
      resourceVersion ||= page.metadata?.resourceVersion ?? '';
      next = page.metadata?.continue ?? '';
      if (next === '' || listing.isEnough?.(items) === true) return { items, resourceVersion };
    } finally {
      place?.give();
    }
  }
}

const pageSchema = z.object({
  metadata: z.optional(z.object({ continue: z.optional(z.string()), resourceVersion: z.optional(z.string()) })),
  items: z._default(z.nullable(z.array(z.unknown())), []),
});

/** Media type of lists whose items have only metadata. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** `place` is that of a page whose size users decide. */
async function readPage(
  api: Api,
  path: string,
  { isMetadata, signal }: Query,
  place: Place | undefined,
): Promise<z.infer<typeof pageSchema> | 'tooLarge'> {
  const maxBytes = place && boundTable.page_bytes.limit;
  const accept = isMetadata === true ? metadataOnly : undefined;
  try {
    const answer = await api.request({ method: 'GET', path, accept, maxBytes, beforeBody: place?.take, signal });
    return pageSchema.parse(answer);
  } catch (error) {
    if (isAnswerTooLarge(error)) return 'tooLarge';
    throw error;
  }
}

function queryOf({ selector, fieldSelector, isCached }: Query, limit: number, next: string): string {
  const query = new URLSearchParams({ limit: String(limit) });
  if (selector !== undefined) query.set('labelSelector', selector);
  if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector);
  if (isCached === true) query.set('resourceVersion', '0');
  if (next !== '') query.set('continue', next);
  return query.toString();
}
