import { hash } from '#model/text/hash.ts';
import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import type { World } from '#model/world.ts';

/** When the next refresh of a cache is due, in epoch milliseconds; undefined if none is scheduled. */
export function nextRefresh(cache: ImageCache, { settings, scheduled, now }: RefreshTimeInputs): number | undefined {
  if (isPurged(cache)) return undefined;
  if (cache.spec.refreshSchedule !== undefined) return scheduled?.next;
  const seconds = cache.spec.refreshSeconds;
  const period = seconds === undefined ? settings.refreshFrequency : seconds * 1000;
  if (period === 0) return undefined;
  const due = wholeSeconds(now + period * (1 - maxSpread * fractionOf(cache.uid)));
  // A source sets a timer for a time that has changed: the next second at the earliest.
  return Math.max(due, wholeSeconds(now) + 1000);
}

/**
 * The most that a refresh is early, as a part of its period. Caches that were applied together would otherwise fall due in the
 * same minute for ever, and ask the same registries at once.
 */
const maxSpread = 0.1;

/** A number from 0 to 1 that is always the same for a cache. */
const fractionOf = (uid: string): number => parseInt(hash(8, uid), 16) / 0xffff_ffff;

/** The part of the world that the refresh time depends on. */
export type RefreshTimeInputs = Pick<World, 'settings' | 'scheduled' | 'now'>;

/** The status has whole seconds: a time read back from the API server must compare as equal. */
const wholeSeconds = (time: number): number => Math.floor(time / 1000) * 1000;
