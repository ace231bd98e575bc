import { conditionsOf, refusedMessage, limitExceeded as reason, refusedGeneration } from '#model/cache/conditions.ts';
import { type Status, isRoundOpen } from '#model/cache/image-cache.ts';
import { type Plan, emptyPlan } from '#model/plan.ts';
import type { World } from '#model/world.ts';
import { statusReason } from '#model/cache/round.ts';
import { isFromKubeFledged } from './next-round.ts';

/** Suspends a cache: an open round is aborted, its Jobs are deleted, and none are created until the suspension ends. */
export function suspend({ before, observed, now }: World): Plan {
  const { status, generation } = before;
  const isReported = status.observedGeneration === generation && !isToEnd(status);
  return {
    ...emptyPlan,
    deleteJobs: allJobs(observed),
    status: isReported ? undefined : suspendedStatus(status, generation, now),
  };
}

/** The observed pull Jobs, to be deleted. */
export const allJobs = ({ jobs }: World['observed']): Plan['deleteJobs'] =>
  [...jobs.values()].flatMap(({ job, pod }) => {
    const uid = job?.uid ?? pod?.jobUid;
    const name = job?.name ?? pod?.jobName;
    return uid === undefined || name === undefined || job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });

/** Whether the status is of a round that is open, or of a refusal that holds no longer. */
const isToEnd = (status: Status): boolean => status.status === 'Processing' || refusedMessage(status) !== undefined;

function suspendedStatus(status: Status, generation: number, now: number): Status {
  const ended: Partial<Status> = isToEnd(status)
    ? {
        status: 'Aborted',
        message: 'Image cache is suspended: nothing is pulled until spec.suspend is false',
        completionTime: now,
      }
    : {};
  const ready = refusedMessage(status) === undefined ? {} : ({ Ready: ['False', 'Suspended'] } as const);
  const suspended = { ...ready, Reconciling: ['False', 'Suspended'], Stalled: ['False', 'Ok'] } as const;
  const conditions = conditionsOf(suspended, { conditions: status.conditions, generation, now, message: '' });
  return { ...status, ...ended, ...askedAgain(status), observedGeneration: generation, conditions };
}

/** A purge that is cut off is requested again by the same annotation once the suspension ends. */
export function askedAgain(status: Status): Partial<Status> {
  const { round } = status;
  if (round?.operation !== 'Purge' || !isRoundOpen(status)) return {};
  return { round: { ...round, requestedBy: undefined }, lastHandledPurgeAt: '' };
}

/** Refuses a cache that exceeds a limit: an open round ends, its Jobs are deleted, and none are created until it no longer does. */
export function refuse({ before, observed, now }: World, limit: string): Plan {
  const message = `Refused: ${limit}`;
  const { status, generation } = before;
  const deleteJobs = allJobs(observed);
  if (refusedMessage(status) === message && refusedGeneration(status) === generation)
    return { ...emptyPlan, deleteJobs };
  return {
    ...emptyPlan,
    deleteJobs,
    status: { ...refusedStatus(before, message, now), ...askedAgain(status) },
    events: [{ type: 'Warning', reason, message, key: `${generation} ${message}` }],
  };
}

function refusedStatus(cache: World['before'], message: string, now: number): Status {
  const { status, generation } = cache;
  const verdicts = { Ready: ['False', reason], Reconciling: ['False', reason], Stalled: ['True', reason] } as const;
  const conditions = conditionsOf(verdicts, { conditions: status.conditions, generation, now, message });
  // What kube-fledged reported is left as it is, so that the cache is adopted once it is served.
  if (isFromKubeFledged(cache)) return { ...status, conditions };
  return {
    ...status,
    status: 'Failed',
    reason: status.reason === '' ? statusReason('Create') : status.reason,
    message,
    completionTime: status.completionTime ?? now,
    // Other caches remove images meanwhile without regard to this one: what nodes have is found out again.
    nodes: {},
    desired: {},
    observedGeneration: generation,
    nextRefreshTime: undefined,
    conditions,
  };
}
