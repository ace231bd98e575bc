import type { Job } from './job.ts';
import type { Pod } from './pod.ts';

/** A Job and its Pod as far as they were read. */
export type JobView = { readonly job: Job | undefined; readonly pod: Pod | undefined };
