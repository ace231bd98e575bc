import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Meter } from '#runtime/process/metrics.ts';
import type { Clock } from '../clock.ts';
import type { SourceMetric } from '../source-metrics.ts';
import { pullResults } from './pull-results.ts';
import type { Change } from './store.ts';
import { createWarmUp, type WarmUp } from './warm-up.ts';

/** The current state of all ImageCaches, for the status page and metrics. */
export type KnownCaches = {
  /** By "namespace/name". */
  readonly caches: ReadonlyMap<string, ImageCache>;
  /** Increases with every change. */
  readonly revision: () => number;
  readonly onChange: (change: Change<ParsedCache>) => void;
};

/** The ImageCache that is kept beside its projection; undefined if it is invalid. */
export type ParsedCache = { readonly cache: ImageCache | undefined };

export function tryParse(object: unknown): ParsedCache {
  try {
    return { cache: parseImageCache(object) };
  } catch {
    return { cache: undefined };
  }
}

type Options = { readonly clock: Clock; readonly meter: Meter<SourceMetric> };

/** Keeps all caches, and records metrics of pulls and nodes with each change of a status. */
export function createKnownCaches({ clock, meter }: Options): KnownCaches {
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
        recordMetrics({ before: previous.cache, after: current.cache, now: clock.now() }, warmUp, meter);
    },
  };
}

type Step = { readonly before: ImageCache; readonly after: ImageCache; readonly now: number };

function recordMetrics({ before, after, now }: Step, warmUp: WarmUp, meter: Meter<SourceMetric>): void {
  for (const [result, images] of Object.entries(pullResults(before, after)))
    if (images > 0) meter.record('imagecache_pulls_total', images, { result });
  const { round } = after.status;
  if (round !== undefined && round.number > (before.status.round?.number ?? 0))
    meter.record('imagecache_rounds_total', 1, { trigger: round.trigger });
  for (const { cause, ms } of warmUp.observe(before, after, now))
    meter.record('imagecache_node_warm_seconds', ms / 1000, { cause });
}
