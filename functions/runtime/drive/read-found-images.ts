import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { findsImages, withFound } from '#model/cache/with-found.ts';
import { findImages } from '#model/found/find-images.ts';
import { type Readings, foundInTurn } from '#model/found/groups.ts';
import { isFromKubeFledged, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';
import { readInTime, type ReadWorkloads } from './read-workloads.ts';

/** Returns the cache with the images that workloads name now. */
export type ReadFoundImages = (cache: ImageCache) => Promise<ImageCache>;

/**
 * Whether a drive has to read workloads: also before it opens a round for a new spec, as the status has the images of the
 * former one, or a refresh of a purged cache, as the status has none.
 */
export function needsFoundImages(cache: ImageCache, opens: World['opens'], now: number): boolean {
  if (opens.includes('Workloads')) return true;
  const request = nextRound(cache, now);
  return request !== undefined && mayOpen(request, opens) && (request.trigger === 'Spec' || isPurged(cache));
}

/** Reads the workloads of a cache once for each spec, as a drive may decide several times. */
export function readFoundImages(context: Context, readWorkloads: ReadWorkloads = readInTime): ReadFoundImages {
  let read: { readonly generation: number; readonly readings: Readings } | undefined;
  return async (cache) => {
    const now = context.now();
    if (!readsWorkloads(cache, now)) return cache;
    const { generation } = cache;
    if (read?.generation !== generation) read = { generation, readings: await readWorkloads(cache, context) };
    const { limits, workloadRoundInterval: interval } = context.settings;
    const found = findImages(cache, { readings: read.readings, limits, now });
    const inTurn = foundInTurn(cache, found, { interval, now });
    return inTurn === cache.found ? cache : withFound(cache, inTurn);
  };
}

/** Logs that workloads cannot be read, once, and returns the cache with what was found before, unless its spec is new: then that is of another spec. */
export function orKnown(read: ReadFoundImages, { log, signal }: Pick<Context, 'log' | 'signal'>): ReadFoundImages {
  let failed: { readonly generation: number; readonly error: unknown } | undefined;
  return async (cache) => {
    const { generation } = cache;
    try {
      if (failed?.generation === generation) throw failed.error;
      return await read(cache);
    } catch (error) {
      signal.throwIfAborted();
      const isNew = failed?.error !== error;
      failed = { generation, error };
      if (cache.status.observedGeneration !== generation) throw error;
      if (isNew) log.warn({ cache: `${cache.namespace}/${cache.name}`, err: error }, 'workloads could not be read');
      return cache;
    }
  };
}

/** Not for a cache that pulls nothing: it is deleted, suspended, or purged and neither edited nor refreshed since. */
function readsWorkloads(cache: ImageCache, now: number): boolean {
  if (!findsImages(cache.spec)) return false;
  const isEmptied = isPurged(cache) && (nextRound(cache, now)?.operation ?? 'Purge') === 'Purge';
  return !cache.isBeingDeleted && !cache.spec.suspend && !isEmptied && !isFromKubeFledged(cache);
}
