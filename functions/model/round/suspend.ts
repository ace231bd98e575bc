import { conditionsOf, refusedMessage } from '#model/cache/conditions.ts';
import { type Status, isRoundOpen } from '#model/cache/image-cache.ts';
import { type Plan, emptyPlan } from '#model/plan.ts';
import type { World } from '#model/world.ts';

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
