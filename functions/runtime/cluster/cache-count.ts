import * as z from 'zod/mini';
import { listItems, metadataOnly } from '#runtime/api/list-items.ts';
import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';

const page = z.object({
  metadata: z.optional(z.object({ continue: z.optional(z.string()), remainingItemCount: z.optional(z.number()) })),
  items: z._default(z.nullable(z.array(z.unknown())), []),
});

/** The number of caches in a namespace, by a page of one cache: the API server counts the others. */
export async function cacheCount(api: Api, namespace: string): Promise<number> {
  const path = paths.caches(namespace);
  const answer = await api.request({ method: 'GET', path: `${path}?limit=1`, accept: metadataOnly });
  const { items, metadata } = page.parse(answer);
  const shown = items?.length ?? 0;
  if (metadata?.remainingItemCount !== undefined) return shown + metadata.remainingItemCount;
  if ((metadata?.continue ?? '') === '') return shown;
  return (await listItems(api, path, { limit: 500, parse: () => true, isMetadata: true })).length;
}
