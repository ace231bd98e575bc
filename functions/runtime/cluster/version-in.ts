import * as z from 'zod/mini';

const versioned = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** The version of an object that a write returned; undefined if it has none. */
export const versionIn = (object: unknown): string | undefined =>
  versioned.safeParse(object).data?.metadata.resourceVersion;
