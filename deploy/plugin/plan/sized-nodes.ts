import * as z from 'zod/mini';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Node } from '#model/node/node.ts';
import { parseNode } from '#model/node/parse-node.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';

/** All nodes, and the bytes of each image as the first node that lists it reports them, by normalised reference. */
export type SizedNodes = { readonly nodes: readonly Node[]; readonly sizes: ReadonlyMap<string, number> };

const listed = z.object({
  status: z.optional(
    z.object({
      images: z.optional(
        z.array(z.object({ names: z.nullish(z.array(z.string())), sizeBytes: z.optional(z.number()) })),
      ),
    }),
  ),
});

/** Reads the nodes once for both. */
export async function sizedNodes(api: Api): Promise<SizedNodes> {
  const sizes = new Map<string, number>();
  const parse = (object: unknown): Node => {
    for (const { names, sizeBytes } of listed.parse(object).status?.images ?? [])
      for (const name of names ?? []) {
        const reference = normalisedReference(name);
        if (sizeBytes !== undefined && !sizes.has(reference)) sizes.set(reference, sizeBytes);
      }
    return parseNode(object);
  };
  return { nodes: await listItems(api, paths.nodes, { limit: 250, parse }), sizes };
}
