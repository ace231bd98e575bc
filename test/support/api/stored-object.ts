import * as z from 'zod/mini';

const texts = z.optional(z.record(z.string(), z.string()));

/** As much of any Kubernetes object as the API in memory reads itself. */
export const StoredObject = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.optional(z.string()),
    resourceVersion: z.optional(z.string()),
    creationTimestamp: z.optional(z.string()),
    labels: texts,
    annotations: texts,
    ownerReferences: z.optional(z.array(z.looseObject({ uid: z.optional(z.string()) }))),
  }),
});
export type StoredObject = z.infer<typeof StoredObject>;
