import type { Status } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';

/**
 * All that is to be written for one cache, carried out in this order: status, Jobs to make, Jobs to delete, annotations, Events.
 * So a Job is claimed in the status before it exists, and its result recorded before it goes. An empty plan means that nothing is to be done.
 */
export type Plan = {
  /** The whole new status, written under the lock of the cache's resourceVersion; undefined leaves it alone. */
  readonly status: Status | undefined;
  readonly createJobs: readonly PullJob[];
  readonly deleteJobs: readonly JobToDelete[];
  readonly createRemovalJobs: readonly RemovalJob[];
  readonly deleteRemovalJobs: readonly JobToDelete[];
  /** Our finalizer is to be put on the cache, or taken off. */
  readonly finalizer: 'add' | 'release' | undefined;
  /** Annotations to take away, if they still have this value. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly events: readonly CacheEvent[];
  /** What is to follow once this is carried out: more of what was seen than one plan holds, the next nodes that wait, or what takes a look at everything. */
  readonly observeNext: 'none' | 'seen' | 'next' | 'unseen';
  /** Something is waited for of which no event tells: look at everything again in a moment. */
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
  observeNext: 'none',
  polls: false,
};

export const isEmpty = (plan: Plan): boolean =>
  plan.status === undefined &&
  plan.finalizer === undefined &&
  [plan.createJobs, plan.deleteJobs, plan.createRemovalJobs, plan.deleteRemovalJobs, plan.events].every(
    ({ length }) => length === 0,
  ) &&
  Object.keys(plan.annotations).length === 0;
