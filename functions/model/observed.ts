import type { Node } from '#model/node/node.ts';
import type { JobView } from '#model/job/job-view.ts';
import type { ObservedRemovals } from './observed-removals.ts';

/** What was seen of the world around a cache: everything, or only what changed. What is not in here was not looked at. */
export type Observed = {
  /** By name; undefined is a node that was looked for and is not there. */
  readonly nodes: ReadonlyMap<string, Node | undefined>;
  /** `nodes` is all there are. */
  readonly hasAllNodes: boolean;
  /** The cache's own Jobs by name. */
  readonly jobs: ReadonlyMap<string, JobView>;
  /** `jobs` is all there are. */
  readonly hasAllJobs: boolean;
  /** Names of Jobs that existed, by an event, and are gone. */
  readonly goneJobs: ReadonlySet<string>;
  readonly removals: ObservedRemovals;
  /** The user that Pods of the namespace are to run as. */
  readonly runAsUser: number;
};
