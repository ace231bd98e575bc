import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Meter } from '#runtime/process/metrics.ts';
import type { Clock } from '../clock.ts';
import type { SourceMetric } from '../source-metrics.ts';
import { pullResults } from './pull-results.ts';
import type { Change } from './store.ts';
import { createWarmUp, type WarmUp } from './warm-up.ts';

/** All ImageCaches as they stand, for whoever shows or counts them. */
export type CacheBook = {
  /** By "namespace/name". */
  readonly caches: ReadonlyMap<string, ImageCache>;
  /** Grows with every change. */
  readonly revision: () => number;
  readonly onChange: (change: Change<Readable>) => void;
};

/** What is kept of an ImageCache beside its projection; undefined for one that can not be read. */
export type Readable = { readonly cache: ImageCache | undefined };

export function readable(object: unknown): Readable {
  try {
    return { cache: parseImageCache(object) };
  } catch {
    return { cache: undefined };
  }
}

type BookOptions = { readonly clock: Clock; readonly meter: Meter<SourceMetric> };

/** Keeps the book, and counts what each change of a status tells of pulls and nodes. */
export function createCacheBook({ clock, meter }: BookOptions): CacheBook {
  const caches = new Map<string, ImageCache>();
  const warmUp = createWarmUp();
  let revision = 0;
  return {
    caches,
    revision: () => revision,
    onChange: ({ reference: { namespace, name }, previous, current }) => {
      revision += 1;
      const key = `${namespace}/${name}`;
      if (current?.cache === undefined) caches.delete(key);
      else caches.set(key, current.cache);
      if (current === undefined && previous?.cache !== undefined) warmUp.forget(previous.cache);
      if (previous?.cache !== undefined && current?.cache !== undefined)
        count({ before: previous.cache, after: current.cache, now: clock.now() }, warmUp, meter);
    },
  };
}

type Step = { readonly before: ImageCache; readonly after: ImageCache; readonly now: number };

function count({ before, after, now }: Step, warmUp: WarmUp, meter: Meter<SourceMetric>): void {
  for (const [result, images] of Object.entries(pullResults(before, after)))
    if (images > 0) meter.record('imagecache_pulls_total', images, { result });
  for (const { cause, ms } of warmUp.look(before, after, now))
    meter.record('imagecache_node_warm_seconds', ms / 1000, { cause });
}
