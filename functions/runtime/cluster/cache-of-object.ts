import * as z from 'zod/mini';
import { imageCacheKind, jobAnnotations } from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';

const owned = z.object({
  metadata: z.object({
    namespace: z.optional(z.string()),
    annotations: z.optional(z.record(z.string(), z.string())),
    ownerReferences: z.optional(z.array(z.object({ kind: z.string(), name: z.string() }))),
  }),
});

/** The cache that a Job or Pod says it belongs to; none if it cannot be parsed. Jobs live in the namespace of their cache, so the annotation cannot name another one. */
export function cacheOfObject(object: unknown): CacheReference | undefined {
  const { namespace = '', annotations = {}, ownerReferences = [] } = owned.safeParse(object).data?.metadata ?? {};
  const annotated = /^[^/]+\/([^/]+)$/.exec(annotations[jobAnnotations.cache] ?? '')?.[1];
  const name = annotated ?? ownerReferences.find(({ kind }) => kind === imageCacheKind)?.name;
  return name === undefined || namespace === '' ? undefined : { namespace, name };
}
