import * as z from 'zod/mini';

/** Objects as the baseline reads them. */
export const named = z.object({ metadata: z.object({ name: z.string() }) });

export const nodeList = z.object({
  items: z.array(z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()) }) })),
});

export const cacheObject = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string(), namespace: z.string() }),
  spec: z.object({ cacheSpec: z.array(z.object({ images: z.array(z.string()) })) }),
  status: z.optional(z.looseObject({ startTime: z.optional(z.string()) })),
});
export type CacheObject = z.infer<typeof cacheObject>;

export const podChange = z.object({
  type: z.string(),
  object: z.object({
    metadata: z.object({ labels: z._default(z.record(z.string(), z.string()), {}) }),
    status: z._default(z.object({ phase: z.optional(z.string()) }), {}),
  }),
});
