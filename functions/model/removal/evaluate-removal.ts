import type { Cause } from '#model/cache/cause.ts';
import type { ContainerStatus, Pod, Job, JobView } from '#model/job/job.ts';
import { podCreationGrace } from '#model/job/job-times.ts';
import { type RemovalResult, parseRemovalResult } from './removal-result.ts';

/** The outcome of a removal Job so far. */
export type RemovalVerdict =
  | { readonly type: 'running' }
  | { readonly type: 'finished'; readonly result: RemovalResult }
  /** Ended without a result for a reason that is not its own: evicted, deleted, its node shut down. */
  | { readonly type: 'lost' }
  | { readonly type: 'failed'; readonly cause: Cause };

/** `deadline` is how long the Pod may take to start, and again how long it may run, in milliseconds. */
export type RemovalEvidence = { readonly view: JobView; readonly deadline: number; readonly now: number };

export function evaluateRemoval({ view: { job, pod }, deadline, now }: RemovalEvidence): RemovalVerdict {
  if (pod !== undefined) return evaluatePod(pod, deadline, now);
  if (job === undefined) return { type: 'lost' };
  return evaluatePodless(job, deadline, now);
}

function evaluatePodless(job: Job, deadline: number, now: number): RemovalVerdict {
  if (job.outcome === 'Complete' || job.outcome === 'Failed' || job.isBeingDeleted) return { type: 'lost' };
  const age = now - job.createdAt;
  if (job.podRefused !== '' && age >= podCreationGrace) return failed('FailedCreate', job.podRefused);
  return age < deadline ? { type: 'running' } : failed('Pending', 'The Job has no Pod, and no Event says why');
}

function evaluatePod(pod: Pod, deadline: number, now: number): RemovalVerdict {
  const [container] = pod.containers;
  const result = container?.state === 'terminated' ? parseRemovalResult(container.message) : undefined;
  if (result !== undefined) return { type: 'finished', result };
  if (pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded')
    return { type: 'lost' };
  if (now < (pod.startedAt ?? pod.createdAt) + deadline) return { type: 'running' };
  return { type: 'failed', cause: lateCause(pod, container) };
}

/** Why the Pod did not finish in time, in the kubelet's words: a removal image that cannot be pulled, for example. */
function lateCause(pod: Pod, container: ContainerStatus | undefined): Cause {
  if (container?.state === 'waiting' && container.reason !== '')
    return { reason: container.reason, message: `The removal Pod cannot start: ${container.message}` };
  if (container?.state === 'running')
    return { reason: 'DeadlineExceeded', message: 'The removal Pod has not ended in time' };
  return { reason: 'Pending', message: pod.unschedulable || 'Check if node is ready' };
}

const failed = (reason: string, message: string): RemovalVerdict => ({ type: 'failed', cause: { reason, message } });
