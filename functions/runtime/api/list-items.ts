import * as z from 'zod/mini';
import type { Api } from './api.ts';
import { type Place, placeForAnswer } from './large-answers.ts';
import { slices } from './turns.ts';
import { boundTable, type PageBound } from '#runtime/bounds.ts';
import { ApiError, isAnswerTooLarge, tooLarge } from '#runtime/errors.ts';

type Listing<Item> = {
  /** Items per page: few of large ones, to bound memory. */
  readonly bound: PageBound;
  readonly parse: (object: unknown) => Item;
  readonly selector?: string;
  readonly fieldSelector?: string;
  /** Requests metadata only, which is much smaller. */
  readonly isMetadata?: boolean;
  /** Accepts what the API server has in memory, which may be a moment old: it then need not read all objects of the kind from etcd. */
  readonly isCached?: boolean;
  /** Whether no further pages are to be read. */
  readonly isEnough?: (items: readonly Item[]) => boolean;
  /** Whether users decide how large the objects are: pages then have a limit in bytes, too. */
  readonly isOfUsers?: boolean;
  /** Ends the listing with its reason. */
  readonly signal?: AbortSignal;
};

const page = z.object({
  metadata: z.optional(z.object({ continue: z.optional(z.string()), resourceVersion: z.optional(z.string()) })),
  items: z._default(z.nullable(z.array(z.unknown())), []),
});

/** Media type of lists whose items have only metadata. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export type Listed<Item> = {
  readonly items: readonly Item[];
  /** Of the state that all pages show; '' if it is not known. */
  readonly resourceVersion: string;
};

/** Lists all pages, parsing each item as it is read. Restarts once if the continue token expires. */
export async function listItems<Item>(api: Api, path: string, listing: Listing<Item>): Promise<readonly Item[]> {
  return (await listVersion(api, path, listing)).items;
}

/** The same with the version of the listing. */
export async function listVersion<Item>(api: Api, path: string, listing: Listing<Item>): Promise<Listed<Item>> {
  try {
    return await onePass(api, path, listing);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 410) throw error;
    return onePass(api, path, listing);
  }
}

/** Lists several paths in turn, as one list. */
export async function listItemsAt<Item>(
  api: Api,
  paths: readonly string[],
  listing: Listing<Item>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (const path of paths) items.push(...(await listItems(api, path, listing)));
  return items;
}

async function onePass<Item>(api: Api, path: string, listing: Listing<Item>): Promise<Listed<Item>> {
  const items: Item[] = [];
  let resourceVersion = '';
  const rest = slices();
  let limit: number = boundTable[listing.bound].limit;
  let next = '';
  for (;;) {
    const place = listing.isOfUsers === true ? placeForAnswer(api) : undefined;
    try {
      const answer = await readPage(api, `${path}?${queryOf(listing, { limit, next })}`, { ...listing, place });
      if (answer === 'tooLarge') {
        if (limit === 1) throw tooLarge(`GET ${path}: an object exceeds ${boundTable.page_bytes.limit} bytes`);
        limit = Math.ceil(limit / 2);
        continue;
      }
      for (const item of answer.items ?? []) {
        items.push(listing.parse(item));
        await rest();
      }
      if (next === '') resourceVersion = answer.metadata?.resourceVersion ?? '';
      next = answer.metadata?.continue ?? '';
      if (next === '' || listing.isEnough?.(items) === true) return { items, resourceVersion };
    } finally {
      place?.give();
    }
  }
}

type Page = z.infer<typeof page>;

type PageToRead = Pick<Listing<unknown>, 'isMetadata' | 'signal'> & {
  /** Of a page whose size users decide. */
  readonly place: Place | undefined;
};

async function readPage(api: Api, path: string, { isMetadata, place, signal }: PageToRead): Promise<Page | 'tooLarge'> {
  const call = {
    method: 'GET',
    path,
    ...(isMetadata === true && { accept: metadataOnly }),
    ...(place && { maxBytes: boundTable.page_bytes.limit, beforeBody: place.take }),
    ...(signal && { signal }),
  } as const;
  try {
    return page.parse(await api.request(call));
  } catch (error) {
    if (isAnswerTooLarge(error)) return 'tooLarge';
    throw error;
  }
}

function queryOf(
  { selector, fieldSelector, isCached }: Pick<Listing<unknown>, 'selector' | 'fieldSelector' | 'isCached'>,
  { limit, next }: { readonly limit: number; readonly next: string },
): string {
  const query = new URLSearchParams({ limit: String(limit) });
  if (selector !== undefined) query.set('labelSelector', selector);
  if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector);
  if (isCached === true) query.set('resourceVersion', '0');
  if (next !== '') query.set('continue', next);
  return query.toString();
}
