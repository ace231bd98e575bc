import { conditionsOf, limitExceeded as reason, refusedGeneration, refusedMessage } from '#model/cache/conditions.ts';
import { type ImageCache, type Status, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import { statusReason } from '#model/cache/round.ts';
import type { JobView } from '#model/job/job.ts';
import { type JobToDelete, type Plan, emptyPlan } from '#model/plan.ts';
import type { Limits } from '#model/cache/settings.ts';
import { exceededLimit } from '#model/desired/limits.ts';
import { isFromKubeFledged, nextRound } from './next-round.ts';

/** The cache's own pull Jobs by name, as they were observed. */
type Jobs = ReadonlyMap<string, JobView>;

/**
 * Why a cache that would pull is refused, if it exceeds a limit. A purge, which takes nothing, runs to its end, and what it removed
 * stays away, until the spec is edited or a refresh requested.
 */
export function refusedLimit(cache: ImageCache, limits: Limits, now: number): string | undefined {
  const next = nextRound(cache, now)?.operation ?? 'Purge';
  const isOnlyPurged = isPurged(cache) && cache.status.round?.generation === cache.generation && next === 'Purge';
  return isOnlyPurged ? undefined : exceededLimit(cache, limits);
}

/** Whether the status already reports that the cache is refused, and it still is. */
export function isKnownRefused(cache: ImageCache, limits: Limits, now: number): boolean {
  return refusedGeneration(cache.status) === cache.generation && refusedLimit(cache, limits, now) !== undefined;
}

/** Suspends a cache: an open round is aborted, its Jobs are deleted, and none are created until the suspension ends. */
export function suspend({ status, generation }: ImageCache, jobs: Jobs, now: number): Plan {
  // The status is of a round that is open, or of a refusal that no longer holds.
  const isOutdated = status.status === 'Processing' || refusedMessage(status) !== undefined;
  const plan = { ...emptyPlan, deleteJobs: jobsToDelete(jobs) };
  if (status.observedGeneration === generation && !isOutdated) return plan;
  const message = 'Image cache is suspended: nothing is pulled until spec.suspend is false';
  const ended: Partial<Status> = isOutdated ? { status: 'Aborted', message, completionTime: now } : {};
  const ready = refusedMessage(status) === undefined ? {} : ({ Ready: ['False', 'Suspended'] } as const);
  const verdicts = { ...ready, Reconciling: ['False', 'Suspended'], Stalled: ['False', 'Ok'] } as const;
  const conditions = conditionsOf(verdicts, { conditions: status.conditions, generation, now, message: '' });
  return {
    ...plan,
    status: { ...status, ...ended, ...requestedAgain(status), observedGeneration: generation, conditions },
  };
}

const jobsToDelete = (jobs: Jobs): readonly JobToDelete[] =>
  [...jobs.values()].flatMap(({ job, pod }) => {
    const uid = job?.uid ?? pod?.jobUid;
    const name = job?.name ?? pod?.jobName;
    return uid === undefined || name === undefined || job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });

/** A purge that is interrupted is requested again by the same annotation once the suspension ends. */
function requestedAgain(status: Status): Partial<Status> {
  const { round } = status;
  if (round?.operation !== 'Purge' || !isRoundOpen(status)) return {};
  return { round: { ...round, requestedBy: undefined }, lastHandledPurgeAt: '' };
}

/** Refuses a cache that exceeds a limit: an open round ends, its Jobs are deleted, and none are created while it does. */
export function refuse(cache: ImageCache, limit: string, jobs: Jobs, now: number): Plan {
  const message = `Refused: ${limit}`;
  const { status, generation } = cache;
  const plan = { ...emptyPlan, deleteJobs: jobsToDelete(jobs) };
  if (refusedMessage(status) === message && refusedGeneration(status) === generation) return plan;
  return {
    ...plan,
    status: { ...refusedStatus(cache, message, now), ...requestedAgain(status) },
    events: [{ type: 'Warning', reason, message, key: `${generation} ${message}` }],
  };
}

function refusedStatus(cache: ImageCache, message: string, now: number): Status {
  const { status, generation } = cache;
  const verdicts = { Ready: ['False', reason], Reconciling: ['False', reason], Stalled: ['True', reason] } as const;
  const conditions = conditionsOf(verdicts, { conditions: status.conditions, generation, now, message });
  // What kube-fledged reported is left as it is, so that the cache is adopted once it is served.
  if (isFromKubeFledged(cache) && !cache.isStatusPruned) return { ...status, conditions };
  return {
    ...status,
    status: 'Failed',
    reason: status.reason === '' ? statusReason('Create') : status.reason,
    message,
    completionTime: status.completionTime ?? now,
    // Other caches remove images meanwhile without regard to this one, so that what nodes have is found out again.
    nodes: {},
    desired: {},
    observedGeneration: generation,
    nextRefreshTime: undefined,
    conditions,
  };
}
