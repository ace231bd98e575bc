import type { ImageCache } from './image-cache.ts';
import { isPurged } from './next-round.ts';
import type { Settings } from './settings.ts';

/** When the next refresh of a cache is due, counted from an epoch time in milliseconds; undefined where none comes by time. */
export function nextRefresh(cache: ImageCache, settings: Settings, from: number): number | undefined {
  const period = periodOf(cache, settings);
  return period === 0 || isPurged(cache) ? undefined : wholeSeconds(from + period);
}

/** Milliseconds; the cache's own beats the operator's. */
function periodOf({ spec }: ImageCache, settings: Settings): number {
  return spec.refreshSeconds === undefined ? settings.refreshFrequency : spec.refreshSeconds * 1000;
}

/** As the status tells it: a time that came back from the API server must be the same. */
const wholeSeconds = (time: number): number => Math.floor(time / 1000) * 1000;
