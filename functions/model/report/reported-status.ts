import { type Verdict, conditionsOf, failingCondition } from '#model/cache/conditions.ts';
import { boundedFailures } from '#model/cache/failures.ts';
import {
  type Condition,
  type ImageCache,
  type Status,
  type StatusValue,
  isPurged,
  isRoundOpen,
  withStatus,
} from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/api.ts';
import { heldHashes, isFailing, isUnsettled } from '#model/cache/ledger.ts';
import { unsettledRemovals } from '#model/cache/removal-ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Rollout } from '#model/cache/spec-schema.ts';
import { findsImages, ownLists } from '#model/cache/found-images.ts';
import { lacksOwn } from '#model/desired/desired-images.ts';
import { rolloutOf } from '#model/desired/rollout.ts';
import { purgeFailures, purgeReport } from '#model/removal/removal-report.ts';
import { nextRefresh } from '#model/round/next-round.ts';
import type { Scheduled, World } from '#model/world.ts';
import { pullReport, workingMessage } from './pull-report.ts';

/** The status of a cache, and the Events that report what has changed. */
type Reported = { readonly status: Status; readonly events: readonly CacheEvent[] };

/** The status of a cache whose round has ended, and the Event that reports it. */
export function closeRound(cache: ImageCache, hasAllItsJobs: boolean, world: World): Reported {
  const { settings, scheduled, now } = world;
  const isPurge = isPurged(cache);
  const refreshed = isPurge
    ? {}
    : { lastRefreshTime: now, nextRefreshTime: nextRefresh(cache, settings, scheduled, now) };
  const status = reportedStatus(withStatus(cache, { completionTime: now, ...refreshed }), hasAllItsJobs, world);
  return { status, events: [endEvent(status), ...(isPurge ? [] : invalidScheduleEvents(scheduled))] };
}

/** The status of a cache as it is now, and an Event if it has failed since its round ended, or no longer fails. */
export function reportProgress(cache: ImageCache, hasAllItsJobs: boolean, world: World): Reported {
  const { before, now } = world;
  const status = reportedStatus(cache, hasAllItsJobs, world);
  const hasChanged = (status.status === 'Failed') !== (before.status.status === 'Failed');
  const isBetweenRounds = status.status !== 'Processing' && !isRoundOpen(status) && !isRoundOpen(before.status);
  const { key, ...event } = endEvent(status);
  return { status, events: hasChanged && isBetweenRounds ? [{ ...event, key: `${key}-${now}` }] : [] };
}

/** What is reported of a cache by its ledger, in kube-fledged's words where it has words for it. */
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
 * The status of a cache with the status word, message and conditions that its ledgers stand for: during a round and between
 * rounds, when nodes join, fail, leave and come back. Nothing else writes them, except for a suspension, refused Jobs and a
 * refused cache. `hasAllItsJobs`: it was observed that no Job is missing, so that none is refused any more.
 */
export function reportedStatus(
  cache: ImageCache,
  hasAllItsJobs: boolean,
  { settings, scheduled, now }: Circumstances,
): Status {
  const isPurge = isPurged(cache);
  const status = isPurge ? { ...cache.status, failures: boundedFailures(purgeFailures(cache.status)) } : cache.status;
  const report = withSpecProblems(reportOf({ ...cache, status }, rolloutOf(cache, settings)), cache, scheduled);
  const refusal = hasWork(status) && !hasAllItsJobs ? jobsRefused(cache) : undefined;
  const message = refusal !== undefined && report.word === 'Processing' ? refusal.message : report.message;
  const verdicts = { Ready: report.ready, Reconciling: report.reconciling, Stalled: report.stalled };
  const inputs = { conditions: status.conditions, generation: cache.generation, now, message };
  const isTryingAgain = !isPurge && Object.values(status.nodes).some(isUnsettled);
  const conditions = [
    ...conditionsOf(verdicts, inputs).map((condition) =>
      condition.type === 'Reconciling' ? (refusal ?? condition) : condition,
    ),
    ...failingCondition(report.failing, isTryingAgain, inputs),
  ];
  return { ...status, status: report.word, message, conditions };
}

type Circumstances = Pick<World, 'scheduled' | 'now'> & { readonly settings: Pick<Settings, 'rollout'> };

/** What of the spec has no effect, as sentences after the message: nothing else shows it once all images of the others are pulled. */
function withSpecProblems(report: Report, cache: ImageCache, scheduled: Scheduled | undefined): Report {
  if (isPurged(cache) || isRoundOpen(cache.status)) return report;
  const { problem: unread } = cache.status.found;
  const schedule = scheduleProblem(scheduled);
  return {
    ...report,
    message: [report.message, unread, unselectedText(cache), schedule].filter((text) => text !== '').join('. '),
    ready: unread !== '' && report.ready[0] === 'True' ? ['Unknown', 'WorkloadsNotRead'] : report.ready,
    stalled: schedule !== '' && report.stalled[0] === 'False' ? ['True', 'InvalidSchedule'] : report.stalled,
  };
}

/** The lists that select no node although others do; '' if there are none. */
function unselectedText({ spec, status }: ImageCache): string {
  const entries = Object.values(status.nodes);
  if (entries.length === 0) return '';
  const selecting = new Set(
    entries.flatMap((entry) => heldHashes(entry).flatMap((hash) => status.desired[hash] ?? [])),
  );
  const unselected = ownLists(spec).flatMap((list, index) =>
    lacksOwn(list) || selecting.has(index) ? [] : [`spec.cacheSpec[${index}]`],
  );
  const [first, ...others] = unselected;
  return first === undefined
    ? ''
    : `No node matches ${first}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}

const scheduleProblem = (scheduled: Scheduled | undefined): string =>
  scheduled === undefined || scheduled.problem === '' ? '' : `There are no periodic refreshes: ${scheduled.problem}`;

/** Whether Jobs are needed. */
const hasWork = (status: Status): boolean =>
  isRoundOpen(status) || Object.values(status.nodes).some(isUnsettled) || unsettledRemovals(status).length > 0;

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

/** The status of a cache whose Jobs the API server refuses, with its message; undefined if the status already reports it. */
export function withRefusedJobs(cache: ImageCache, message: string, now: number): Status | undefined {
  const reported = `Jobs cannot be created now, and are retried: ${message.slice(0, 512)}`;
  const { status, generation } = cache;
  if (jobsRefused(cache)?.message === reported) return undefined;
  const before = status.conditions.find(({ type }) => type === 'Reconciling');
  const refused: Condition = {
    type: 'Reconciling',
    status: 'True',
    reason: 'JobsRefused',
    message: reported,
    observedGeneration: generation,
    lastTransitionTime: before?.status === 'True' ? before.lastTransitionTime : now,
  };
  const conditions =
    before === undefined
      ? [...status.conditions, refused]
      : status.conditions.map((condition) => (condition === before ? refused : condition));
  return { ...status, message: status.status === 'Processing' ? reported : status.message, conditions };
}

/** The condition that reports that the API server refuses the Jobs of this generation, if there is one. */
export const jobsRefused = ({ status, generation }: ImageCache): Condition | undefined =>
  status.conditions.find(
    ({ reason, observedGeneration }) => reason === 'JobsRefused' && observedGeneration === generation,
  );

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

/** Milliseconds that a pull may fail before an Event reports it: a registry that restarts is no failure. */
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
  const message = scheduleProblem(scheduled);
  return message === '' ? [] : [{ type: 'Warning', reason: 'InvalidSchedule', message, key: message }];
}
