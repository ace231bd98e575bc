import type { Query } from '#model/observed.ts';
import type { Status } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/api.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';

/**
 * Everything to write for one cache, in this order: status, Jobs to create, Jobs to delete, annotations, Events, finalizer.
 * The status records an attempt before its Jobs exist, and a result before its Job is deleted. An empty plan writes nothing.
 */
export type Plan = {
  /** The complete new status, written with the resourceVersion of the cache as precondition; undefined leaves it unchanged. */
  readonly status: Status | undefined;
  readonly createJobs: readonly PullJob[];
  readonly deleteJobs: readonly JobToDelete[];
  readonly createRemovalJobs: readonly RemovalJob[];
  readonly deleteRemovalJobs: readonly JobToDelete[];
  /** Whether to add our finalizer to the cache or to remove it. */
  readonly finalizer: 'add' | 'release' | undefined;
  /** Annotations to remove, by key, if they still have this value. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly events: readonly CacheEvent[];
  /** What to read once the plan is carried out. */
  readonly observeNext: Query;
  /** Observe everything again shortly: the plan waits for something that no event reports. */
  readonly polls: boolean;
};

export type JobToDelete = { readonly name: string; readonly uid: string };

export const emptyPlan: Plan = {
  status: undefined,
  createJobs: [],
  deleteJobs: [],
  createRemovalJobs: [],
  deleteRemovalJobs: [],
  finalizer: undefined,
  annotations: {},
  events: [],
  observeNext: 'nothing',
  polls: false,
};

/** Whether carrying the plan out writes nothing. */
export const isEmpty = (plan: Plan): boolean =>
  plan.status === undefined &&
  plan.finalizer === undefined &&
  [plan.createJobs, plan.deleteJobs, plan.createRemovalJobs, plan.deleteRemovalJobs, plan.events].every(
    ({ length }) => length === 0,
  ) &&
  Object.keys(plan.annotations).length === 0;
