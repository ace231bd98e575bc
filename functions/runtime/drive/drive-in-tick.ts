import type { ImageCache } from '#model/cache/image-cache.ts';
import { limiter } from '#runtime/api/limiter.ts';
import type { Context } from '#runtime/handler.ts';
import { cacheSubject, isolated } from './isolated.ts';

/** Maximum number of caches that a tick drives at the same time: each holds its Jobs and Pods in memory. */
export const maxDrivesPerTick = 4;

/** Maximum age in milliseconds of the Nodes that the caches of a tick share. */
export const maxNodesAge = 10_000;

/** Drives the due caches of a tick, a few at a time. The failure of one is its own. */
export async function driveInTick(
  due: readonly ImageCache[],
  driveOne: (cache: ImageCache) => Promise<void>,
  context: Context,
): Promise<void> {
  const enter = limiter(maxDrivesPerTick);
  const each = async (cache: ImageCache): Promise<void> =>
    isolated(cacheSubject(cache), () => enter(() => driveOne(cache), context.signal), context);
  await Promise.all(due.map(each));
}

/** A context in which Nodes are listed once for all caches of a tick, and again only if the tick lasts long. */
export function withSharedNodes(context: Context): Context {
  const { cluster, now } = context;
  let shared: { readonly listing: ReturnType<typeof cluster.nodes>; readonly since: number } | undefined;
  const nodes: typeof cluster.nodes = async () => {
    if (shared === undefined || now() - shared.since > maxNodesAge) shared = { listing: cluster.nodes(), since: now() };
    const current = shared;
    try {
      return await current.listing;
    } catch (error) {
      if (shared === current) shared = undefined;
      throw error;
    }
  };
  return { ...context, cluster: { ...cluster, nodes } };
}
