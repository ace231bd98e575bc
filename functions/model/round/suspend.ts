import { conditionsOf } from '#model/cache/conditions.ts';
import { type Status, isRoundOpen } from '#model/cache/image-cache.ts';
import { type Plan, emptyPlan } from '#model/plan.ts';
import type { World } from '#model/world.ts';

/** Suspends a cache: an open round is aborted, its Jobs are deleted, and none are created until the suspension ends. */
export function suspend({ before, observed, now }: World): Plan {
  const isReported = before.status.observedGeneration === before.generation && before.status.status !== 'Processing';
  return {
    ...emptyPlan,
    deleteJobs: allJobs(observed),
    status: isReported ? undefined : suspendedStatus(before.status, before.generation, now),
  };
}

/** The observed pull Jobs, to be deleted. */
export const allJobs = ({ jobs }: World['observed']): Plan['deleteJobs'] =>
  [...jobs.values()].flatMap(({ job, pod }) => {
    const uid = job?.uid ?? pod?.jobUid;
    const name = job?.name ?? pod?.jobName;
    return uid === undefined || name === undefined || job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });

function suspendedStatus(status: Status, generation: number, now: number): Status {
  const ended: Partial<Status> =
    status.status === 'Processing'
      ? {
          status: 'Aborted',
          message: 'Image cache is suspended: nothing is pulled until spec.suspend is false',
          completionTime: now,
        }
      : {};
  const suspended = { Reconciling: ['False', 'Suspended'], Stalled: ['False', 'Ok'] } as const;
  const conditions = conditionsOf(suspended, { conditions: status.conditions, generation, now, message: '' });
  return { ...status, ...ended, ...askedAgain(status), observedGeneration: generation, conditions };
}

/** A purge that is cut off is requested again by the same annotation once the suspension ends. */
export function askedAgain(status: Status): Partial<Status> {
  const { round } = status;
  if (round?.operation !== 'Purge' || !isRoundOpen(status)) return {};
  return { round: { ...round, requestedBy: undefined }, lastHandledPurgeAt: '' };
}
