import type { Cause } from '#model/cache/failures.ts';
import type { ContainerStatus, Pod } from '#model/job/pod.ts';
import { podCreationGrace } from '#model/job/deadline.ts';
import type { JobView } from '#model/job/job-view.ts';
import type { Job } from '#model/job/job.ts';
import { parseRemovalResult, type RemovalResult } from './removal-result.ts';

/** What a removal Job has come to. */
export type RemovalVerdict =
  | { readonly type: 'open' }
  | { readonly type: 'done'; readonly result: RemovalResult }
  /** Ended without its account, through no fault of its own. */
  | { readonly type: 'lost' }
  | { readonly type: 'failed'; readonly cause: Cause };

/** `deadline` is how long a Pod may take to start, and how long to work, in milliseconds. */
export type RemovalEvidence = { readonly view: JobView; readonly deadline: number; readonly now: number };

export function evaluateRemoval({ view: { job, pod }, deadline, now }: RemovalEvidence): RemovalVerdict {
  if (pod !== undefined) return judgePod(pod, deadline, now);
  if (job === undefined) return { type: 'lost' };
  return judgePodless(job, deadline, now);
}

function judgePodless(job: Job, deadline: number, now: number): RemovalVerdict {
  if (job.outcome === 'Complete' || job.outcome === 'Failed' || job.isBeingDeleted) return { type: 'lost' };
  const age = now - job.createdAt;
  if (job.podRefused !== '' && age >= podCreationGrace) return failed('FailedCreate', job.podRefused);
  return age < deadline ? { type: 'open' } : failed('Pending', 'The Job has no Pod, and no Event says why');
}

function judgePod(pod: Pod, deadline: number, now: number): RemovalVerdict {
  const [container] = pod.containers;
  const result = container?.state === 'terminated' ? parseRemovalResult(container.message) : undefined;
  if (result !== undefined) return { type: 'done', result };
  if (pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded')
    return { type: 'lost' };
  if (now < (pod.startedAt ?? pod.createdAt) + deadline) return { type: 'open' };
  return { type: 'failed', cause: lateCause(pod, container) };
}

/** The kubelet's own word for what holds the Pod up, such as a removal image that can not be pulled. */
function lateCause(pod: Pod, container: ContainerStatus | undefined): Cause {
  if (container?.state === 'waiting' && container.reason !== '')
    return { reason: container.reason, message: `The removal Pod can not start: ${container.message}` };
  if (container?.state === 'running')
    return { reason: 'DeadlineExceeded', message: 'The removal Pod has not ended in time' };
  return { reason: 'Pending', message: pod.unschedulable || 'Check if node is ready' };
}

const failed = (reason: string, message: string): RemovalVerdict => ({ type: 'failed', cause: { reason, message } });
