import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';
import { ApiError } from '#runtime/errors.ts';

/** Nodes whose kubelets are asked at most, and how many at once. */
const maxNodes = 100;
const atOnce = 8;

const summary = z.object({
  node: z.object({
    runtime: z.optional(z.object({ imageFs: z.optional(z.object({ availableBytes: z.optional(z.number()) })) })),
  }),
});

/**
 * The free space for images of these nodes, by name, as their kubelets report it. A Node does not say it: this asks for
 * nodes/proxy, which few users may. Nodes that do not answer, and all if it is forbidden, are absent.
 */
export async function freeBytes(api: Api, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const free = new Map<string, number>();
  const left = names.slice(0, maxNodes);
  let isForbidden = false;
  const ask = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined && !isForbidden; name = left.shift()) {
      const answer = await freeBytesOf(api, name);
      if (answer === 'forbidden') isForbidden = true;
      else if (answer !== undefined) free.set(name, answer);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return free;
}

async function freeBytesOf(api: Api, name: string): Promise<number | 'forbidden' | undefined> {
  try {
    const answer = await api.request({ method: 'GET', path: `${paths.node(name)}/proxy/stats/summary` });
    return summary.safeParse(answer).data?.node.runtime?.imageFs?.availableBytes;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === 403 ? 'forbidden' : undefined;
  }
}
