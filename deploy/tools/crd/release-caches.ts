import * as z from 'zod/mini';
import { finalizer } from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';

const shape = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    resourceVersion: z.string(),
    finalizers: z.optional(z.array(z.string())),
  }),
});

type Held = CacheReference & { readonly resourceVersion: string; readonly finalizers: readonly string[] };

/** Removes our finalizer from every ImageCache, or from those of some namespaces, and returns how many had it. */
export async function releaseCaches(api: Api, namespaces: Namespaces = []): Promise<string> {
  const caches = await cachesOf(api, namespaces);
  const held = caches.filter(isHeld);
  for (const cache of held) await release(api, cache);
  return `${held.length} of ${caches.length} ImageCaches released`;
}

async function cachesOf(api: Api, namespaces: Namespaces): Promise<readonly Held[]> {
  try {
    return await listItems(api, pathsWithin(namespaces, paths.caches), {
      bound: 'page_metadata',
      parse: heldOf,
      isMetadata: true,
    });
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** Keeps other finalizers. On a conflict the cache is read again. */
async function release(api: Api, cache: Held): Promise<void> {
  const { resourceVersion } = cache;
  const finalizers = cache.finalizers.filter((each) => each !== finalizer);
  const body = { metadata: { resourceVersion, finalizers } };
  try {
    await api.request({ method: 'PATCH', path: paths.cache(cache), contentType: 'application/merge-patch+json', body });
  } catch (error) {
    if (isNotFound(error)) return;
    if (!isConflict(error)) throw error;
    const live = await readIfPresent(api, cache);
    if (live !== undefined && isHeld(live)) await release(api, live);
  }
}

async function readIfPresent(api: Api, cache: CacheReference): Promise<Held | undefined> {
  try {
    return heldOf(await api.request({ method: 'GET', path: paths.cache(cache) }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const isHeld = ({ finalizers }: Held): boolean => finalizers.includes(finalizer);

function heldOf(object: unknown): Held {
  const { namespace, name, resourceVersion, finalizers = [] } = shape.parse(object).metadata;
  return { namespace, name, resourceVersion, finalizers };
}
