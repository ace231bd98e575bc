import type { Node } from '#model/node/node.ts';
import type { JobView, Pod } from '#model/job/job.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';

/**
 * What to read about a cache for a decision. Handlers ask for it, and a plan does for the decision that follows it:
 * - `nothing`: no decision follows;
 * - `same`: nothing but the cache, as what was read of nodes still holds;
 * - `pending`: the nodes that can start next;
 * - names: these objects, and the nodes that can start next;
 * - `everything`.
 */
export type Query = 'nothing' | 'same' | 'pending' | Names | 'everything';

/** Names of what has changed; a Job of which only the Pod changed is not in `jobs`. */
export type Names = {
  readonly nodes: readonly string[];
  readonly jobs: readonly string[];
  readonly pods: readonly string[];
};

/** What is known of the cluster after a query: nothing is known of what is missing here. */
export type Observed = {
  /** By name; undefined for a node that was read and does not exist. */
  readonly nodes: ReadonlyMap<string, Node | undefined>;
  /** Whether `nodes` holds every node. */
  readonly hasAllNodes: boolean;
  /** The cache's own pull Jobs by name. */
  readonly jobs: ReadonlyMap<string, JobView>;
  /** Whether `jobs` holds every pull Job of the cache. */
  readonly hasAllJobs: boolean;
  /** Names of Jobs that an event reported and that no longer exist. */
  readonly goneJobs: ReadonlySet<string>;
  readonly removals: ObservedRemovals;
  /** The user that Pods of the namespace run as. */
  readonly runAsUser: number;
};

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
  /**
   * Normalised references in unfinished removal Jobs of other caches, by the id of each node that has such a Job: they must not be
   * pulled there now, and no other removal starts.
   */
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

/** What is known before anything was read. */
export const nothingObserved: Observed = {
  nodes: new Map(),
  hasAllNodes: false,
  jobs: new Map(),
  hasAllJobs: false,
  goneJobs: new Set(),
  removals: noObservedRemovals,
  runAsUser: 0,
};
