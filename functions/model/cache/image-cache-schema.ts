import * as z from 'zod/mini';
import { optional, strings, texts, time, withDefault } from './schema-fields.ts';
import { spec } from './spec-schema.ts';
import { status } from './status-schema.ts';

/** An ImageCache as the API server sends it; the CRD documents the fields. */
export const imageCache = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: withDefault(z.number(), 0),
    deletionTimestamp: withDefault(z.string(), ''),
    annotations: withDefault(texts, {}),
    finalizers: withDefault(strings, []),
    managedFields: withDefault(z.array(z.object({ subresource: withDefault(z.string(), ''), time })), []),
  }),
  spec: optional(spec),
  status: optional(status),
});
