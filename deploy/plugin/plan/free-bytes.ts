import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { askKubelets } from '../ask-kubelets.ts';

const summary = z.object({
  node: z.object({
    runtime: z.optional(z.object({ imageFs: z.optional(z.object({ availableBytes: z.optional(z.number()) })) })),
  }),
});

/** The free space for images of these nodes, by name, as their kubelets report it: a Node does not say it. */
export const freeBytes = (api: Api, names: readonly string[]): Promise<ReadonlyMap<string, number>> =>
  askKubelets(api, names, {
    path: 'stats/summary',
    parse: (answer) => summary.safeParse(answer).data?.node.runtime?.imageFs?.availableBytes,
  });
