import { conditionsOf, limitExceeded as reason, refusedGeneration, refusedMessage } from '#model/cache/conditions.ts';
import type { Status } from '#model/cache/image-cache.ts';
import { statusReason } from '#model/cache/round.ts';
import { type Plan, emptyPlan } from '#model/plan.ts';
import type { World } from '#model/world.ts';
import { isFromKubeFledged } from './next-round.ts';
import { allJobs, askedAgain } from './suspend.ts';

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
