import * as z from 'zod/mini';
import { fieldManager } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { BoundedMap } from '#model/text/bounded-map.ts';

const entries = z.object({
  metadata: z.object({
    managedFields: z.array(
      z.object({ manager: z.string(), subresource: z.optional(z.string()), time: z.optional(z.string()) }),
    ),
  }),
});

/** Most caches whose other installations are remembered as returned. */
const maxReported = 1000;

/**
 * Notices installations in other namespaces that write the status of the same caches, by the field manager under which each
 * writes: at most 128 characters, and a namespace has 63. What was written before `since`, the start of this process in epoch milliseconds, may be of one that is gone.
 */
export function otherInstallations(installNamespace: string, since: number) {
  const own = `${prefix}${installNamespace}`;
  const found = new WeakMap<ImageCache, readonly string[]>();
  const reported = new BoundedMap<string, true>(maxReported);
  return {
    /** The query of a write of the status, which names this installation. */
    query: installNamespace === '' ? '' : `?fieldManager=${own}`,
    /** Remembers which others have written the object that a cache was parsed from. */
    note: (object: unknown, cache: ImageCache): void => {
      const { data } = entries.safeParse(object);
      const others = (data?.metadata.managedFields ?? []).filter(
        ({ manager, subresource, time = '' }) =>
          subresource === 'status' && manager.startsWith(prefix) && manager !== own && Date.parse(time) >= since,
      );
      if (others.length > 0) found.set(cache, [...new Set(others.map(({ manager }) => manager.slice(prefix.length)))]);
    },
    /** The namespaces of the others that write the status of this cache; each once. */
    of: (cache: ImageCache): readonly string[] =>
      (found.get(cache) ?? []).filter((namespace) => {
        const key = `${cache.uid} ${namespace}`;
        const isNew = !reported.has(key);
        reported.set(key, true);
        return isNew;
      }),
  };
}

const prefix = `${fieldManager}.`;
