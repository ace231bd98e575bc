import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Observed } from './observed.ts';
import type { RoundReason } from '#model/round/next-round.ts';
import type { Resolutions } from '#model/cache/resolved-digest.ts';
import type { Settings } from '#model/cache/settings.ts';

/** All that a decision rests on. */
export type World = {
  readonly before: ImageCache;
  readonly observed: Observed;
  readonly settings: Settings;
  /** What registries say of images that may have moved, where a round opens that begins with asking. */
  readonly resolutions: Resolutions;
  /** What the cache's own schedule comes to, if it has one. */
  readonly scheduled: Scheduled | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
  /** What the asking function may open a round for. */
  readonly opens: readonly RoundReason[];
  /** Which Jobs the asking function makes: each may do no more than it must. */
  readonly makes: 'pulls' | 'removals';
};

/** The next time of a schedule after now, in epoch milliseconds; undefined if there is none, or if the schedule does not read: then `problem` says why. */
export type Scheduled = { readonly next: number | undefined; readonly problem: string };
