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

const Managed = z.catch(z.array(z.looseObject({ manager: z.string() })), []);

type Write = { readonly manager: string; readonly subresource?: string; readonly fieldsV1?: object };

/** The metadata of an object that a manager writes at this time, which is recorded in seconds. */
export function withWrite({ metadata }: StoredObject, write: Write, time: number): StoredObject['metadata'] {
  const others = Managed.parse(metadata['managedFields']).filter(({ manager }) => manager !== write.manager);
  const written = { ...write, operation: 'Update', time: new Date(time).toISOString().replace(/\.\d+Z$/, 'Z') };
  return { ...metadata, managedFields: [...others, written] };
}
