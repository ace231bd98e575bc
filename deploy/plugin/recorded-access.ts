import * as z from 'zod/mini';
import type { Access } from '#model/desired/access.ts';
import { normalisedReference } from '#model/text/image-reference.ts';

const words = ['Anyone', 'PullSecrets', 'ServiceAccount', 'Unknown'] as const satisfies readonly Access[];

const recorded = z.object({
  status: z.optional(
    z.object({
      images: z.optional(
        z.array(z.object({ image: z.string(), access: z.catch(z.optional(z.enum(words)), undefined) })),
      ),
    }),
  ),
});

/**
 * Who can start the images of a cache, as its status reports it, by normalised reference. Images that no node has, and
 * all in a status of a former version, are absent.
 */
export function recordedAccess(object: unknown): ReadonlyMap<string, Access> {
  const { images = [] } = recorded.parse(object).status ?? {};
  return new Map(
    images.flatMap(({ image, access }) =>
      access === undefined ? [] : [[normalisedReference(image), access] as const],
    ),
  );
}
