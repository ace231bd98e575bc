import * as z from 'zod/mini';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Node } from '#model/node/node.ts';
import { parseNode } from '#model/node/parse-node.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';

/** All nodes, and the size in bytes of each image that a node reports, by normalised reference. */
export type ListedNodes = { readonly nodes: readonly Node[]; readonly sizes: ReadonlyMap<string, number> };

const imagesOfNode = z.object({
  status: z.optional(
    z.object({
      images: z.optional(
        z.array(z.object({ names: z.nullish(z.array(z.string())), sizeBytes: z.optional(z.number()) })),
      ),
    }),
  ),
});

/** Lists the nodes, and reads the sizes of their images from the same answer. */
export async function listNodes(api: Api): Promise<ListedNodes> {
  const sizes = new Map<string, number>();
  const parse = (object: unknown): Node => {
    for (const { names, sizeBytes } of imagesOfNode.parse(object).status?.images ?? [])
      for (const name of names ?? []) {
        const reference = normalisedReference(name);
        if (sizeBytes !== undefined && !sizes.has(reference)) sizes.set(reference, sizeBytes);
      }
    return parseNode(object);
  };
  return { nodes: await listItems(api, paths.nodes, { bound: 'page_nodes', parse }), sizes };
}
