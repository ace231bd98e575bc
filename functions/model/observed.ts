import type { Node } from '#model/node/node.ts';
import type { JobView } from '#model/job/job.ts';
import type { ObservedRemovals } from './observed-removals.ts';

/** What was read of the cluster for one cache: everything, or only what changed. Nothing is known of what is missing here. */
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
