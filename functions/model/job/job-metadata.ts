import * as z from 'zod/mini';
import { jobAnnotations, labels } from '#model/cache/api.ts';
import type { Pod, HeldImages } from './job.ts';

const texts = z.optional(z.record(z.string(), z.string()));
const text = z._default(z.string(), '');

/** Metadata of Jobs and Pods; an absent text is ''. */
export const metadata = z.object({
  name: z.string(),
  namespace: text,
  uid: z.string(),
  labels: texts,
  annotations: texts,
  creationTimestamp: text,
  deletionTimestamp: text,
  ownerReferences: z.optional(
    z.array(z.object({ kind: z.string(), name: z.string(), uid: z.string(), controller: z.optional(z.boolean()) })),
  ),
});

type Ownership = Pick<
  Pod,
  'name' | 'namespace' | 'uid' | 'cacheUid' | 'nodeId' | 'round' | 'attempt' | 'holds' | 'isBeingDeleted' | 'createdAt'
>;

/** The cache, node and round of a Job or Pod, by its metadata. */
export function ownership(meta: z.infer<typeof metadata>): Ownership {
  return {
    name: meta.name,
    namespace: meta.namespace,
    uid: meta.uid,
    cacheUid: meta.labels?.[labels.cacheUid] ?? '',
    nodeId: meta.labels?.[labels.node] ?? '',
    round: Number(meta.annotations?.[jobAnnotations.round] ?? 0),
    attempt: Number(meta.annotations?.[jobAnnotations.attempt] ?? 0),
    holds: heldImages(meta.annotations?.[jobAnnotations.holds] ?? ''),
    isBeingDeleted: meta.deletionTimestamp !== '',
    createdAt: epoch(meta.creationTimestamp) ?? 0,
  };
}

/** Parses `8c1d2e3f/0,1,5`. Jobs created before the annotation existed have no images. */
function heldImages(annotation: string): HeldImages {
  const [desiredHash = '', indexes = ''] = annotation.split('/');
  return { desiredHash, indexes: indexes === '' ? [] : indexes.split(',').map(Number) };
}

/** A timestamp in epoch milliseconds; undefined for ''. */
export const epoch = (timestamp: string): number | undefined => (timestamp === '' ? undefined : Date.parse(timestamp));
