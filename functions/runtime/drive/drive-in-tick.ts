import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import { boundedLimiter } from '#runtime/api/limiter.ts';
import { createBounds } from '#runtime/bounds.ts';
import type { Context } from '#runtime/handler.ts';
import { cacheSubject, isolated } from './isolated.ts';

/** Maximum age in milliseconds of the Nodes that the caches of a tick share. */
export const maxNodesAge = 10_000;

type ListNodes = () => Promise<readonly Node[]>;

type DriveOne = (cache: ImageCache, context: Context) => Promise<void>;

/** Drives one cache of a tick once few enough others are being driven. */
export type TickDriver = (cache: ImageCache, driveOne: DriveOne) => Promise<void>;

export function tickDriver({ listNodes, context }: { listNodes: ListNodes; context: Context }): TickDriver {
  const enter = boundedLimiter(context.tickDrives ?? createBounds().tick_drives);
  return (cache, driveOne) => enter(() => driveOne(cache, whileUnchanged(cache, listNodes, context)), context.signal);
}

/** Drives the due caches of a tick, a few at a time, with Nodes that were listed after the caches. The failure of one is its own. */
export async function driveInTick(
  due: readonly ImageCache[],
  driveOne: DriveOne,
  { driver, context }: { readonly driver: TickDriver; readonly context: Context },
): Promise<void> {
  const each = async (cache: ImageCache): Promise<void> =>
    isolated(cacheSubject(cache), () => driver(cache, driveOne), context);
  await Promise.all(due.map(each));
}

/** Lists Nodes once for all caches of a tick, and again only if the tick lasts long. */
export function sharedNodes({ cluster, now }: Context): ListNodes {
  let shared: { readonly listing: ReturnType<ListNodes>; readonly since: number } | undefined;
  return async () => {
    if (shared === undefined || now() - shared.since > maxNodesAge) shared = { listing: cluster.nodes(), since: now() };
    const current = shared;
    try {
      return await current.listing;
    } catch (error) {
      if (shared === current) shared = undefined;
      throw error;
    }
  };
}

/** A context with the shared Nodes until the cache is written after it was listed: its status may refer to newer Nodes. */
function whileUnchanged(listed: ImageCache, listNodes: ListNodes, context: Context): Context {
  const { cluster } = context;
  let isUnchanged = false;
  const cache: typeof cluster.cache = async (reference) => {
    const live = await cluster.cache(reference);
    isUnchanged = live?.resourceVersion === listed.resourceVersion;
    return live;
  };
  const nodes: typeof cluster.nodes = () => (isUnchanged ? listNodes() : cluster.nodes());
  return { ...context, cluster: { ...cluster, cache, nodes } };
}
