import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Pod, JobView } from '#model/job/job.ts';

/** What was read of image removals. Only the function that creates removal Jobs reads more than `inProgress`. */
export type ObservedRemovals = {
  /** The cache's own removal Jobs by name. */
  readonly jobs: ReadonlyMap<string, JobView>;
  /** Whether `jobs`, `pullPods` and `otherCaches` are complete. */
  readonly hasAll: boolean;
  /** Names of removal Jobs that an event reported and that no longer exist. */
  readonly goneJobs: ReadonlySet<string>;
  /** Pull Pods of the cache that still run. */
  readonly pullPods: readonly Pod[];
  /** All other caches; what they desire on a node stays there. */
  readonly otherCaches: readonly ImageCache[];
  /** Normalised references in unfinished removal Jobs of other caches, by node id: they must not be pulled there now. */
  readonly inProgress: ReadonlyMap<string, ReadonlySet<string>>;
  /** Service account of removal Pods; '' for the default of their namespace. */
  readonly serviceAccountName: string;
};

export const noObservedRemovals: ObservedRemovals = {
  jobs: new Map(),
  hasAll: false,
  goneJobs: new Set(),
  pullPods: [],
  otherCaches: [],
  inProgress: new Map(),
  serviceAccountName: '',
};
