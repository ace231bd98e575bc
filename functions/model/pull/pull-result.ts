import type { Cause } from '#model/cache/cause.ts';
import {
  hasFailed,
  hasFailing,
  hasFailures,
  hasResults,
  isInconclusive,
  isUntried,
  lockedOf,
  pendingOf,
  unfinishedOf,
  withEnd,
  withFailing,
  withFirstAttempt,
  withSecondAttempt,
} from '#model/cache/image-states.ts';
import { isSecondAttempt, type LedgerEntry, maxAttempts, registryRests, triesOf } from '#model/cache/ledger.ts';
import { toOpen, withLocked, withoutDenied } from '#model/desired/locked-images.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { namesOtherHost, throttledBy } from './image-outcome.ts';
import type { RegistryFinding } from '#model/start/registry-answers.ts';
import { roundUpToSecond } from '#model/text/times.ts';
import type { World } from '#model/world.ts';
import { isPastDeadline, mayRetry, retryDeadline } from './attempt-deadline.ts';
import { hadNoPod } from './evaluate-job.ts';
import {
  type Evaluated,
  type Finished,
  type Report,
  type Result,
  evaluateJobs,
  finishedIn,
  nothingFound,
  retry,
  withFinished,
} from './evaluated-jobs.ts';
import type { Attempt } from './job-set.ts';

/** The result of an attempt that pulls. Each Job is recorded when it ends; the next step is decided when all have ended. */
export function pullResult(name: string, attempt: Attempt, world: World): Result {
  const { entry, desired } = attempt;
  const { anonymousPulls } = attempt.cache.status;
  const evaluated = evaluateJobs(name, attempt, world);
  const types = evaluated.map(({ verdict: { type } }) => type);
  if (types.includes('lost')) return lost(attempt);
  if (types.includes('mountRefused')) return entry.copiesNoop ? lost(attempt) : retry({ ...entry, copiesNoop: true });
  const finished = finishedIn(evaluated);
  const pulled = finished.filter(({ hasUsedCredentials }) => hasUsedCredentials);
  const present = pulled.flatMap(({ verdict }) => [...verdict.present.keys()]);
  const locked =
    pulled.length === 0
      ? entry
      : withLocked(entry, present, { node: world.observed.nodes.get(name), desired, anonymousPulls });
  if (evaluated.some((job) => throttledIn(job, desired).length > 0))
    return rested({ ...attempt, entry: locked }, evaluated);
  const recorded = { ...attempt, entry: withDeadline({ ...attempt, entry: locked }, finished) };
  const report = reportOf(evaluated);
  return {
    ...nothingFound,
    entry: nextEntry(recorded, { evaluated, report, now: world.now }),
    report,
    present: new Map(finished.flatMap(({ verdict }) => [...verdict.present])),
  };
}

const causesIn = ({ verdict }: Evaluated): ReadonlyMap<number, Cause> =>
  verdict.type === 'running' ? verdict.causes : verdict.type === 'finished' ? verdict.failed : new Map<number, Cause>();

/** Why images fail beside those whose registry throttles: that is shown while the node waits. */
const otherCauses = (evaluated: readonly Evaluated[], { images }: DesiredImages): ReadonlyMap<number, Cause> =>
  new Map(
    evaluated
      .flatMap((job) => [...causesIn(job)])
      .filter(([index, cause]) => throttledBy(cause, images[index] ?? '') === undefined),
  );

/** What registries of the images of a Job asked for, if they throttle the node. */
function throttledIn(job: Evaluated, { images }: DesiredImages): readonly RegistryFinding[] {
  const { hasUsedCredentials, replaced } = job;
  return [...causesIn(job)].flatMap(([index, cause]) => {
    const image = images[index] ?? '';
    const throttled = throttledBy(cause, image);
    // What else a Pod pulls or presents than its image with the node's credentials says nothing about other caches.
    const isOther = replaced.includes(index) || cause.reason === 'HelperImageFailed' || namesOtherHost(cause, image);
    const isAlone = hasUsedCredentials || isOther;
    return throttled === undefined ? [] : [{ host: registryOf(image), throttled: { ...throttled, isAlone } }];
  });
}

/** The node tries again what it lacks once the registries have rested, and this attempt does not count. */
function rested(attempt: Attempt, evaluated: readonly Evaluated[]): Result {
  const finished = finishedIn(evaluated);
  const entry = withFinished(attempt, finished);
  const count = attempt.desired.images.length;
  const causes = otherCauses(evaluated, attempt.desired);
  const anew = withFirstAttempt(entry);
  const lacking = pendingOf(anew, count);
  const failing = withFailing(anew, new Set(causes.keys()), new Set(lacking), count);
  const again = { state: 'Pending', reason: registryRests, failingUntil: undefined, retryDeadline: undefined } as const;
  return {
    ...nothingFound,
    entry: { ...failing, ...again, rests: entry.rests + 1 },
    report: { images: lacking, causes },
    present: new Map(finished.flatMap(({ verdict }) => [...verdict.present])),
    registries: evaluated.flatMap((job) => throttledIn(job, attempt.desired)),
  };
}

/** Records the Jobs that have finished; the first of them sets the time for a second attempt. */
function withDeadline(attempt: Attempt, finished: readonly Finished[]): LedgerEntry {
  const entry = withFinished(attempt, finished);
  if (finished.length === 0 || isSecondAttempt(entry) || hasResults(attempt.entry)) return entry;
  const startedAt = Math.min(...finished.map((job) => job.startedAt));
  return { ...entry, retryDeadline: retryDeadline(attempt, startedAt) };
}

type Found = { readonly evaluated: readonly Evaluated[]; readonly report: Report | undefined; readonly now: number };

function nextEntry(recorded: Attempt, { evaluated, report, now }: Found): LedgerEntry {
  const { entry } = recorded;
  // A Pod that was not started within the deadline has left no time for another attempt.
  const wasNeverStarted = finishedIn(evaluated).some(({ verdict }) => [...verdict.failed.values()].some(hadNoPod));
  const isExpired = wasNeverStarted || isPastDeadline(entry, now);
  const { length: count } = recorded.desired.images;
  if (unfinishedOf(entry, count).length === 0) return concluded(recorded, isExpired);
  if (!isSecondAttempt(entry) || !isPastDeadline(entry, now)) return withReport(entry, report, { evaluated, count });
  return settled(recorded);
}

/** A running Job reports only failures: that an image no longer fails is reported when the Job has ended. */
function reportOf(evaluated: readonly Evaluated[]): Report | undefined {
  const reports = evaluated.flatMap(({ indexes, verdict }): readonly Report[] => {
    if (verdict.type === 'running') return verdict.causes.size > 0 ? [{ images: indexes, causes: verdict.causes }] : [];
    return verdict.type === 'finished' ? [{ images: indexes, causes: verdict.failed }] : [];
  });
  if (reports.length === 0) return undefined;
  return {
    images: reports.flatMap(({ images }) => images),
    causes: new Map(reports.flatMap(({ causes }) => [...causes])),
  };
}

/** Records which images fail while the attempt lasts, and until when. What was not reported on stays as it was. */
function withReport(
  entry: LedgerEntry,
  report: Report | undefined,
  { evaluated, count }: { readonly evaluated: readonly Evaluated[]; readonly count: number },
): LedgerEntry {
  if (report === undefined) return entry;
  const next = withFailing(entry, new Set(report.causes.keys()), new Set(report.images), count);
  if (!hasFailing(next)) return { ...next, failingUntil: undefined };
  const ends = evaluated.flatMap(({ until = Infinity }) => (until === Infinity ? [] : [until]));
  return { ...next, failingUntil: ends.length === 0 ? entry.failingUntil : roundUpToSecond(Math.max(...ends)) };
}

/** A lost Job is retried; after `maxAttempts` its images count as failed. */
function lost(attempt: Attempt): Result {
  const { entry } = attempt;
  if (triesOf(entry) < maxAttempts) return retry(entry);
  const unfinished = unfinishedOf(entry, attempt.desired.images.length);
  return {
    ...nothingFound,
    entry: { ...withEnd(entry), state: 'Failed', failingUntil: undefined, retryDeadline: undefined },
    report: { images: unfinished, causes: new Map(unfinished.map((index) => [index, jobLost])) },
  };
}

const jobLost: Cause = {
  reason: 'JobLost',
  message: `The Job or its Pod was deleted before it ended, and no more than ${maxAttempts} attempts are made in a round`,
};

/** The entry once all Jobs of the attempt have ended: images that failed are tried once more, if there is time left. */
function concluded(attempt: Attempt, isExpired: boolean): LedgerEntry {
  const { entry } = attempt;
  if (!hasFailures(entry) || isExpired || !mayRetry(entry)) return settled(attempt);
  const again = { state: 'Pending', oneImagePerJob: isInconclusive(entry), failingUntil: undefined } as const;
  return { ...withSecondAttempt(entry), ...again };
}

/** The entry after the last attempt to pull: images that are locked are opened next. */
function settled({ cache, entry, desired }: Attempt): LedgerEntry {
  const nothingDue = { oneImagePerJob: false, retryDeadline: undefined, failingUntil: undefined };
  const ended = { ...withEnd(entry), ...nothingDue };
  const pulled = withoutDenied(ended, { desired, anonymousPulls: cache.status.anonymousPulls });
  const { length: count } = desired.images;
  const locked = lockedOf(pulled, count).filter((index) => index === count || !isUntried(pulled, index));
  if (locked.length > 0) return toOpen(pulled, locked, desired);
  return { ...pulled, state: hasFailed({ ...pulled, state: 'Failed' }) ? 'Failed' : 'Ready' };
}

/** The entry of a node whose second attempt has not begun by the deadline of the first: none is made. */
export const withoutLateAttempt = (attempt: Attempt, now: number): LedgerEntry =>
  isSecondAttempt(attempt.entry) && isPastDeadline(attempt.entry, now) ? settled(attempt) : attempt.entry;
