import { type Verdict, conditionsOf, failingCondition } from '#model/cache/conditions.ts';
import {
  type StatusValue,
  type ImageCache,
  type Status,
  isPurged,
  isRoundOpen,
  type Condition,
  withStatus,
} from '#model/cache/image-cache.ts';
import { boundedFailures } from '#model/cache/failures.ts';
import type { Rollout } from '#model/cache/spec-fields.ts';
import { findsImages } from '#model/cache/with-found.ts';
import { isUnsettled, isFailing } from '#model/cache/ledger.ts';
import { isRemovalUnsettled } from '#model/cache/removal-ledger.ts';
import { rolloutOf } from '#model/desired/rollout.ts';
import type { World, Scheduled } from '#model/world.ts';
import { purgeFailures, purgeReport } from '#model/removal/removal-report.ts';
import { pullReport, workingMessage } from './pull-report.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import { nextRefresh } from '#model/round/next-round.ts';

/** What a ledger says of a cache, in kube-fledged's words where it has words for it. */
export type Report = {
  readonly word: StatusValue;
  readonly message: string;
  readonly ready: Verdict;
  readonly reconciling: Verdict;
  readonly stalled: Verdict;
  /** Reason of the condition Failing, which is present only while a node fails to pull. */
  readonly failing: string | undefined;
};

/**
 * The cache with the status word, message and conditions that its ledgers stand for: during a round and between rounds,
 * when nodes join, fail, leave and come back. Nothing else writes them, except for a suspension, refused Jobs
 * and a refused cache.
 */
export function reportedStatus(cache: ImageCache, { now, settings, hasAllItsJobs }: Reporting): Status {
  const { generation } = cache;
  const rollout = rolloutOf(cache, settings);
  const status = isPurged(cache)
    ? { ...cache.status, failures: boundedFailures(purgeFailures(cache.status)) }
    : cache.status;
  const { word, message, ready, reconciling, stalled, failing } = reportOf({ ...cache, status }, rollout);
  const refusal = hasWork(status) && !hasAllItsJobs ? refusalOf(cache) : undefined;
  const text = refusal !== undefined && word === 'Processing' ? refusal.message : message;
  const verdicts = { Ready: ready, Reconciling: reconciling, Stalled: stalled };
  const inputs = { conditions: status.conditions, generation, now, message: text };
  const conditions = conditionsOf(verdicts, inputs);
  const isTryingAgain = !isPurged(cache) && Object.values(status.nodes).some(isUnsettled);
  return {
    ...status,
    status: word,
    message: text,
    conditions: [
      ...conditions.map((each) => (each.type === 'Reconciling' ? (refusal ?? each) : each)),
      ...failingCondition(failing, isTryingAgain, inputs),
    ],
  };
}

/** `hasAllItsJobs`: it was observed that no Job is missing, so that none is refused any more. */
export type Reporting = Pick<World, 'now'> & {
  readonly settings: Pick<World['settings'], 'rollout'>;
  readonly hasAllItsJobs: boolean;
};

/** Whether Jobs are needed. */
const hasWork = (status: Status): boolean =>
  isRoundOpen(status) ||
  Object.values(status.nodes).some(isUnsettled) ||
  Object.values(status.removals).some(isRemovalUnsettled);

const noWorkloadsMessage = 'No images were pulled because no workload names one. Please see "imagesFrom" section';

/** Whether all images were to come from workloads, and none names one. */
const hasNothingToPull = (cache: ImageCache): boolean =>
  !isPurged(cache) && findsImages(cache.spec) && cache.spec.lists.every(({ images }) => images.length === 0);

function reportOf(cache: ImageCache, rollout: Rollout | undefined): Report {
  const { status } = cache;
  const report = isPurged(cache) ? purgeReport(status) : pullReport(status, rollout);
  if (!isRoundOpen(status)) return hasNothingToPull(cache) ? { ...report, message: noWorkloadsMessage } : report;
  const message = workingMessage(status, status.round?.operation ?? 'Create', rollout);
  return { ...report, word: 'Processing', message, reconciling: ['True', 'RoundOpen'], stalled: ['False', 'Ok'] };
}

/** The status of a cache whose Jobs the API server refuses, with its message; undefined if the status already says so. */
export function withRefusal(cache: ImageCache, message: string, now: number): Status | undefined {
  const reported = `Jobs cannot be created now, and are retried: ${message.slice(0, 512)}`;
  const { status, generation } = cache;
  if (refusalOf(cache)?.message === reported) return undefined;
  const before = status.conditions.find(({ type }) => type === 'Reconciling');
  const refused: Condition = {
    ...{
      type: 'Reconciling',
      status: 'True',
      reason: 'JobsRefused',
      message: reported,
      observedGeneration: generation,
    },
    lastTransitionTime: before?.status === 'True' ? before.lastTransitionTime : now,
  };
  return {
    ...status,
    message: status.status === 'Processing' ? reported : status.message,
    conditions:
      before === undefined
        ? [...status.conditions, refused]
        : status.conditions.map((each) => (each === before ? refused : each)),
  };
}

/** The condition that reports a refusal of Jobs for this generation, if there is one. */
export const refusalOf = ({ status, generation }: ImageCache): Status['conditions'][number] | undefined =>
  status.conditions.find(
    ({ reason, observedGeneration }) => reason === 'JobsRefused' && observedGeneration === generation,
  );

type ReportingWorld = World & Reporting;
type Reported = { readonly status: Status; readonly events: readonly CacheEvent[] };

/** The status of a cache whose round has ended, and the Event that reports it. */
export function closeRound(world: ReportingWorld, cache: ImageCache): Reported {
  const { now, scheduled } = world;
  const isPurge = isPurged(cache);
  const refreshed = isPurge ? {} : { lastRefreshTime: now, nextRefreshTime: nextRefresh(cache, world) };
  const status = reportedStatus(withStatus(cache, { completionTime: now, ...refreshed }), world);
  return { status, events: [endEvent(status), ...(isPurge ? [] : invalidScheduleEvents(scheduled))] };
}

/** The status of a cache as it is now, and an Event if it has failed since its round ended, or has failed no more. */
export function continued(world: ReportingWorld, cache: ImageCache): Reported {
  const status = reportedStatus(cache, world);
  const isNews = !isRoundOpen(status) && hasFailed(status) !== hasFailed(world.before.status);
  const isEnd = status.status !== 'Processing' && !isRoundOpen(world.before.status);
  const { key, ...event } = endEvent(status);
  return { status, events: isNews && isEnd ? [{ ...event, key: `${key}-${world.now}` }] : [] };
}

const hasFailed = ({ status }: Status): boolean => status === 'Failed';

/** The Event of a round that has ended. Made from the status alone, so that it can also be recorded later. */
export const endEvent = ({ status, reason, message, round }: Status): CacheEvent => ({
  type: status === 'Failed' ? 'Warning' : 'Normal',
  reason,
  message,
  key: `round-${round?.number ?? 0}`,
});

/** Milliseconds; two ticks and a margin. */
const recentCompletion = 150_000;

/** Whether the latest round ended so recently that its Events may be missing: the process that closed it may have ended before recording them. */
export function hasEndedRecently({ status, isBeingDeleted }: ImageCache, now: number): boolean {
  const { round, completionTime: ended = -Infinity } = status;
  return round !== undefined && status.status !== 'Processing' && !isBeingDeleted && now - ended <= recentCompletion;
}

/** Milliseconds that a pull may fail before an Event says so: a registry that restarts is none. */
const failingGrace = 60_000;

/** The Event of a cache of which a node has failed for a minute and is still tried; one for each time that it began to fail. */
export function failingEvents({ status, isBeingDeleted }: ImageCache, now: number): readonly CacheEvent[] {
  const failing = status.conditions.find(({ type }) => type === 'Failing');
  const isTrying = Object.values(status.nodes).some(isFailing);
  if (failing === undefined || !isTrying || isBeingDeleted) return [];
  const { reason, lastTransitionTime: since } = failing;
  if (now - since < failingGrace) return [];
  return [{ type: 'Warning', reason, message: status.message, key: `failing-${since}` }];
}

/** Reports an invalid schedule, once for each problem. */
function invalidScheduleEvents(scheduled: Scheduled | undefined): readonly CacheEvent[] {
  if (scheduled === undefined || scheduled.problem === '') return [];
  const message = `spec.refresh.schedule is ignored: ${scheduled.problem}`;
  return [{ type: 'Warning', reason: 'InvalidSchedule', message, key: scheduled.problem }];
}
