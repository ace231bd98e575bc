import { conditionsOf } from '#model/cache/conditions.ts';
import type { Status } from '#model/cache/image-cache.ts';
import { emptyPlan, type Plan } from '#model/plan.ts';
import type { World } from '#model/world.ts';

/** A suspended cache: an open round ends where it stands, its Jobs go, and nothing is made until the suspension is lifted. */
export function suspend({ before, observed, now }: World): Plan {
  const remove = [...observed.jobs.values()].flatMap(({ job, pod }) => {
    const uid = job?.uid ?? pod?.jobUid;
    const name = job?.name ?? pod?.jobName;
    return uid === undefined || name === undefined || job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });
  const isTold = before.status.observedGeneration === before.generation && before.status.status !== 'Processing';
  return { ...emptyPlan, deleteJobs: remove, status: isTold ? undefined : told(before.status, before.generation, now) };
}

function told(status: Status, generation: number, now: number): Status {
  const ended: Partial<Status> =
    status.status === 'Processing'
      ? {
          status: 'Aborted',
          message: 'Image cache is suspended: nothing is pulled until spec.suspend is false',
          completionTime: now,
        }
      : {};
  const conditions = conditionsOf('suspended', { conditions: status.conditions, generation, now, message: '' });
  return { ...status, ...ended, observedGeneration: generation, conditions };
}
