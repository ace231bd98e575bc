import type { ImageCache } from '#model/cache/image-cache.ts';
import { boundedLimiter } from '#runtime/api/limits.ts';
import { boundTable, createBounds } from '#runtime/bounds.ts';
import type { Context } from '#runtime/handler.ts';
import { cacheSubject, isolated } from './isolated.ts';

type DriveOne = (cache: ImageCache, context: Context) => Promise<void>;

/** Drives one cache of a tick once few enough others are being driven. */
export type TickDriver = (cache: ImageCache, driveOne: DriveOne) => Promise<void>;

export function tickDriver(context: Context): TickDriver {
  const enter = boundedLimiter(context.tickDrives ?? createBounds().tick_drives);
  return (cache, driveOne) => enter(() => driveOne(cache, context), context.signal);
}

/**
 * Drives the due caches of a tick, a few at a time, of all namespaces in turn. Only as many as are driven at once wait for the
 * driver, so that others which use it come in between. The failure of one is its own.
 */
export async function driveInTick(
  due: readonly ImageCache[],
  driveOne: DriveOne,
  { driver, context }: { readonly driver: TickDriver; readonly context: Context },
): Promise<void> {
  const queue = namespacesInTurn(due).values();
  const worker = async (): Promise<void> => {
    for (const cache of queue) await isolated(cacheSubject(cache), () => driver(cache, driveOne), context);
  };
  await Promise.all(Array.from({ length: boundTable.tick_drives.limit }, worker));
}

/** Sorted such that the first caches of all namespaces come before the second ones: those of one may take long. */
export function namespacesInTurn(caches: readonly ImageCache[]): readonly ImageCache[] {
  const byNamespace = [...Map.groupBy(caches, ({ namespace }) => namespace).values()];
  const ranked = byNamespace.flatMap((each) => each.map((cache, rank) => ({ cache, rank })));
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ cache }) => cache);
}
