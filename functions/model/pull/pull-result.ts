import type { Cause } from '#model/cache/cause.ts';
import {
  isSecondAttempt,
  type LedgerEntry,
  maxAttempts,
  notFailing,
  registryRests,
  triesOf,
} from '#model/cache/ledger.ts';
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
import { type Attempt, finishedJobsOf, unfinishedJobs } from './job-set.ts';

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
  const recorded = { ...attempt, entry };
  const lacking = [...unfinishedJobs(recorded).flat(), ...finishedJobsOf(recorded).failedImages].toSorted(ascending);
  const again = { state: 'Pending', reason: registryRests, pendingImages: lacking, finishedJobs: undefined } as const;
  const causes = otherCauses(evaluated, attempt.desired);
  const failing = { failingImages: [...causes.keys()].toSorted(ascending), failingUntil: undefined };
  return {
    ...nothingFound,
    entry: { ...entry, ...again, ...failing, failedImages: [], rests: entry.rests + 1, retryDeadline: undefined },
    report: { images: lacking, causes },
    present: new Map(finished.flatMap(({ verdict }) => [...verdict.present])),
    registries: evaluated.flatMap((job) => throttledIn(job, attempt.desired)),
  };
}

/** Records the Jobs that have finished; the first of them sets the time for a second attempt. */
function withDeadline(attempt: Attempt, finished: readonly Finished[]): LedgerEntry {
  const entry = withFinished(attempt, finished);
  if (finished.length === 0 || isSecondAttempt(entry) || attempt.entry.finishedJobs !== undefined) return entry;
  const startedAt = Math.min(...finished.map((job) => job.startedAt));
  return { ...entry, retryDeadline: retryDeadline(attempt, startedAt) };
}

type Found = { readonly evaluated: readonly Evaluated[]; readonly report: Report | undefined; readonly now: number };

function nextEntry(recorded: Attempt, { evaluated, report, now }: Found): LedgerEntry {
  const { entry } = recorded;
  // A Pod that was not started within the deadline has left no time for another attempt.
  const wasNeverStarted = finishedIn(evaluated).some(({ verdict }) => [...verdict.failed.values()].some(hadNoPod));
  const isExpired = wasNeverStarted || isPastDeadline(entry, now);
  const unfinished = unfinishedJobs(recorded).flat();
  if (unfinished.length === 0) return concluded(recorded, isExpired);
  if (!isSecondAttempt(entry) || !isPastDeadline(entry, now)) return withFailing(entry, report, evaluated);
  return settled(recorded, [...finishedJobsOf(recorded).failedImages, ...unfinished].toSorted(ascending));
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
function withFailing(entry: LedgerEntry, report: Report | undefined, evaluated: readonly Evaluated[]): LedgerEntry {
  if (report === undefined) return entry;
  const others = entry.failingImages.filter((index) => !report.images.includes(index));
  const failingImages = [...others, ...report.causes.keys()].toSorted(ascending);
  if (failingImages.length === 0) return { ...entry, ...notFailing };
  const ends = evaluated.flatMap(({ until = Infinity }) => (until === Infinity ? [] : [until]));
  const failingUntil = ends.length === 0 ? entry.failingUntil : roundUpToSecond(Math.max(...ends));
  return { ...entry, failingImages, failingUntil };
}

/** A lost Job is retried; after `maxAttempts` its images count as failed. */
function lost(attempt: Attempt): Result {
  const { entry } = attempt;
  if (triesOf(entry) < maxAttempts) return retry(entry);
  const unfinished = unfinishedJobs(attempt).flat();
  const failed = [...unfinished, ...(entry.finishedJobs?.failedImages ?? [])];
  const failedImages = withUntried(failed, entry);
  return {
    ...nothingFound,
    entry: {
      ...entry,
      ...{ state: 'Failed', pendingImages: undefined, failedImages, finishedJobs: undefined },
      ...notFailing,
      retryDeadline: undefined,
    },
    report: { images: unfinished, causes: new Map(unfinished.map((index) => [index, jobLost])) },
  };
}

const ascending = (a: number, b: number): number => a - b;

const jobLost: Cause = {
  reason: 'JobLost',
  message: `The Job or its Pod was deleted before it ended, and no more than ${maxAttempts} attempts are made in a round`,
};

/** The entry once all Jobs of the attempt have ended: images that failed are tried once more, if there is time left. */
function concluded(attempt: Attempt, isExpired: boolean): LedgerEntry {
  const { entry } = attempt;
  const { failedImages, inconclusive } = finishedJobsOf(attempt);
  if (failedImages.length === 0 || isExpired || !mayRetry(entry)) return settled(attempt, failedImages);
  return {
    ...entry,
    ...{ state: 'Pending', pendingImages: failedImages, failedImages, oneImagePerJob: inconclusive },
    ...notFailing,
    finishedJobs: undefined,
  };
}

/** The entry after the last attempt to pull: images that are locked are opened next. */
function settled({ cache, entry, desired }: Attempt, failed: readonly number[]): LedgerEntry {
  const failedImages = withUntried(failed, entry);
  const nothingDue = { pendingImages: undefined, oneImagePerJob: false, retryDeadline: undefined, ...notFailing };
  const done = { ...entry, ...nothingDue, failedImages, finishedJobs: undefined };
  const pulled = withoutDenied(done, { desired, anonymousPulls: cache.status.anonymousPulls });
  if (pulled.lockedImages !== undefined && pulled.lockedImages.length > 0) return toOpen(pulled, pulled.lockedImages);
  return { ...pulled, state: failedImages.length === 0 ? 'Ready' : 'Failed' };
}

/** What failed on a node, with the images that it did not try. */
const withUntried = (failed: readonly number[], { absentImages }: LedgerEntry): readonly number[] =>
  [...new Set([...failed, ...absentImages])].toSorted(ascending);

/** The entry of a node whose second attempt has not begun by the deadline of the first: none is made. */
export const withoutLateAttempt = (attempt: Attempt, now: number): LedgerEntry =>
  isSecondAttempt(attempt.entry) && isPastDeadline(attempt.entry, now)
    ? settled(attempt, attempt.entry.failedImages)
    : attempt.entry;
