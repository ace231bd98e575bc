import type { AnonymousPull, Resolutions } from '#model/cache/image-answers.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { NodePulls } from '#model/start/node-busy.ts';
import type { Observed } from './observed.ts';
import type { RoundReason } from '#model/round/next-round.ts';
import type { OtherRegistryUse } from '#model/cache/registry-use.ts';
import type { Settings } from '#model/cache/settings.ts';

/** Everything a decision depends on. */
export type World = {
  /** The cache as it is stored; the cache that a step of the decision works on is called `next`. */
  readonly before: ImageCache;
  readonly observed: Observed;
  readonly settings: Settings;
  /** By node id: the pulls of other caches there now. */
  readonly otherPulls: ReadonlyMap<string, NodePulls>;
  /** By registry: what other caches have used of it, and whether they found that it rests. */
  readonly otherRegistryUse: ReadonlyMap<string, OtherRegistryUse>;
  /**
   * The digests that registries report for images that may have moved, with what they report about their limits; empty unless a
   * round opens that resolves images, or a registry has rested.
   */
  readonly resolutions: Resolutions;
  /** What registries answer to requests without credentials, by normalised reference; empty unless a round opens. */
  readonly anonymousPulls: ReadonlyMap<string, AnonymousPull>;
  /** The cache's own refresh schedule, evaluated; undefined without one. */
  readonly scheduled: Scheduled | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
  /** What the calling function may open a round for. */
  readonly opens: readonly RoundReason[];
  /** Which Jobs the calling function creates: pull Jobs or removal Jobs, as its RBAC permits. */
  readonly makes: 'pulls' | 'removals';
};

/** The next time of a schedule in epoch milliseconds, if there is one; `problem` says why a schedule is invalid, else ''. */
export type Scheduled = { readonly next: number | undefined; readonly problem: string };
