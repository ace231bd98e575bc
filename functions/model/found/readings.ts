import type { Limits } from '#model/cache/settings.ts';
import type { ImageSource } from '#model/workload/image-sources.ts';

/** What was read for one list of the spec. */
export type Reading = {
  /** Its index in `spec.cacheSpec`. */
  readonly list: number;
  readonly sources: readonly ImageSource[];
  /** Whether all workloads were read; images that are missing from an incomplete reading are kept. */
  readonly isComplete: boolean;
  /** What could not be read, as sentences. */
  readonly problems: readonly string[];
};

/** Everything that was read for a cache. */
export type Readings = {
  readonly lists: readonly Reading[];
  /** The pull secrets of service accounts by their name, and whether accounts that are missing do not exist. */
  readonly accounts: { readonly secrets: ReadonlyMap<string, readonly string[]>; readonly isComplete: boolean };
  /** The service account of pull Pods. */
  readonly account: string;
};

/** All workloads that were read, without duplicates. */
export const allSources = ({ lists }: Readings): ReadonlySet<ImageSource> =>
  new Set(lists.flatMap(({ sources }) => sources));

/** Bounds of what one cache finds, besides the operator's limits; docs/security.md lists them. */
export const foundBounds = {
  images: 1000,
  /** Sets of nodes that differ. */
  placements: 100,
  /** Characters of one as JSON. */
  placementLength: 4096,
  secrets: 64,
} as const;
/** What images are found from. */
export type Given = {
  readonly readings: Readings;
  readonly limits: Pick<Limits, 'images' | 'imageBytes'>;
  /** Epoch milliseconds. */
  readonly now: number;
};
