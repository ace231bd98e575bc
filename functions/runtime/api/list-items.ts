import * as z from 'zod/mini';
import type { Api } from './api.ts';
import { slices } from './turns.ts';
import { boundTable, type PageBound } from '#runtime/bounds.ts';
import { ApiError } from '#runtime/errors.ts';

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
};

const page = z.object({
  metadata: z.optional(z.object({ continue: z.optional(z.string()) })),
  items: z._default(z.nullable(z.array(z.unknown())), []),
});

/** Media type of lists whose items have only metadata. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Lists all pages, parsing each item as it is read. Restarts once if the continue token expires. */
export async function listItems<Item>(api: Api, path: string, listing: Listing<Item>): Promise<readonly Item[]> {
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

async function onePass<Item>(api: Api, path: string, listing: Listing<Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  const rest = slices();
  let next = '';
  do {
    const query = new URLSearchParams({ limit: String(boundTable[listing.bound].limit) });
    if (listing.selector !== undefined) query.set('labelSelector', listing.selector);
    if (listing.fieldSelector !== undefined) query.set('fieldSelector', listing.fieldSelector);
    if (listing.isCached === true) query.set('resourceVersion', '0');
    if (next !== '') query.set('continue', next);
    const accept = listing.isMetadata === true ? { accept: metadataOnly } : {};
    const answer = page.parse(await api.request({ method: 'GET', path: `${path}?${query.toString()}`, ...accept }));
    for (const item of answer.items ?? []) {
      items.push(listing.parse(item));
      await rest();
    }
    next = answer.metadata?.continue ?? '';
  } while (next !== '' && listing.isEnough?.(items) !== true);
  return items;
}
