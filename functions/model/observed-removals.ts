import type { ImageCache } from '#model/cache/image-cache.ts';
import type { JobView } from '#model/job/job-view.ts';

/** What was seen of removals. Only the function that makes removal Jobs reads more than what is under way. */
export type ObservedRemovals = {
  /** The cache's own removal Jobs by name. */
  readonly jobs: ReadonlyMap<string, JobView>;
  /** `jobs`, `busyNodes` and `otherCaches` are all there are. */
  readonly hasAll: boolean;
  /** Names of removal Jobs that existed, by an event, and are gone. */
  readonly goneJobs: ReadonlySet<string>;
  /** Ids of nodes on which a pull Pod of the cache is still at work. */
  readonly busyNodes: ReadonlySet<string>;
  /** What they want on a node stays there. */
  readonly otherCaches: readonly ImageCache[];
  /** Normalised references that unfinished removal Jobs of other caches name, by node id: not to be pulled there now. */
  readonly underWay: ReadonlyMap<string, ReadonlySet<string>>;
};

export const noObservedRemovals: ObservedRemovals = {
  jobs: new Map(),
  hasAll: false,
  goneJobs: new Set(),
  busyNodes: new Set(),
  otherCaches: [],
  underWay: new Map(),
};
