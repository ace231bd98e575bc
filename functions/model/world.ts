import type { ImageCache } from './image-cache.ts';
import type { Observed } from './observed.ts';
import type { Trigger } from './round.ts';
import type { Settings } from './settings.ts';

/** All that a decision rests on. */
export type World = {
  readonly cache: ImageCache;
  readonly observed: Observed;
  readonly settings: Settings;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Which triggers the asking function may open a round for. */
  readonly opens: readonly Trigger[];
};
