import type { AnonymousPulls } from '#model/cache/image-answers.ts';
import type { Cause } from '#model/cache/failures.ts';
import {
  hasFailed,
  hasFailing,
  hasFailures,
  hasPutOff,
  hasResults,
  isInconclusive,
  isUntried,
  lockedOf,
  pendingOf,
  putOffOf,
  unfinishedOf,
  withEnd,
  withFailing,
  withFirstAttempt,
  withRest,
  withResults,
  withSecondAttempt,
  withoutResults,
} from '#model/cache/image-states.ts';
import { isSecondAttempt, type LedgerEntry, maxAttempts, registryRests, triesOf } from '#model/cache/ledger.ts';
import { toOpen, withLocked, withoutDenied } from '#model/desired/locked-images.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { namesOtherHost, throttledBy } from './image-outcome.ts';
import type { RegistryFinding } from '#model/start/registry-answers.ts';
import { roundUpToSecond } from '#model/text/times.ts';
import type { World } from '#model/world.ts';
import { isPastDeadline, mayRetry, retryDeadline, type Attempt } from './attempt.ts';
import { type JobResult, causesIn, digestsIn, hadNoPod, jobResults } from './job-result.ts';

/** What the Jobs of a node's attempt change. */
export type AttemptResult = {
  readonly entry: LedgerEntry;
  /** Replaces the failures of these images on the node: with a cause, or with none. */
  readonly reported: Reported;
  /** Reported digest by index of an image that is present; '' if the kubelet reported none. */
  readonly present: ReadonlyMap<number, string>;
  /** What Pods without credentials found. */
  readonly anonymousPulls: AnonymousPulls;
  /** Registries that throttled the node. */
  readonly registries: readonly RegistryFinding[];
};

type Reported = ReadonlyMap<number, Cause | undefined>;

/** The result of Jobs on which nothing is to be reported. */
export const nothingFound = {
  reported: new Map<number, undefined>(),
  present: new Map<number, string>(),
  anonymousPulls: {},
  registries: [],
} satisfies Partial<AttemptResult>;

export const finishedIn = (jobs: readonly JobResult[]): readonly JobResult[] =>
  jobs.filter(({ type }) => type === 'finished');

/** Records the Jobs that have finished in the entry. */
export function withFinished({ entry, desired }: Attempt, finished: readonly JobResult[]): LedgerEntry {
  if (finished.length === 0) return entry;
  const results = finished.flatMap(({ images }) => [...images].map(([index, { result }]) => [index, result] as const));
  return withResults(entry, new Map(results), desired.images.length);
}

/** The same images once more. */
export const retry = (entry: LedgerEntry): AttemptResult => ({
  ...nothingFound,
  entry: {
    ...withoutResults(entry),
    state: 'Pending',
    failingUntil: undefined,
    retryDeadline: isSecondAttempt(entry) ? entry.retryDeadline : undefined,
  },
});

/** The result of an attempt that pulls. Each Job is recorded when it ends; the next step is decided when all have ended. */
export function pullResult(name: string, attempt: Attempt, world: World): AttemptResult {
  const { entry, desired } = attempt;
  const { anonymousPulls } = attempt.cache.status;
  const jobs = jobResults(name, attempt, world);
  const types = jobs.map(({ type }) => type);
  if (types.includes('lost')) return lost(attempt);
  if (types.includes('mountRefused')) return entry.copiesNoop ? lost(attempt) : retry({ ...entry, copiesNoop: true });
  const finished = finishedIn(jobs);
  const pulled = finished.filter(({ hasUsedCredentials }) => hasUsedCredentials);
  const present = pulled.flatMap((job) => [...digestsIn(job).keys()]);
  const locked =
    pulled.length === 0
      ? entry
      : withLocked(entry, present, { node: world.observed.nodes.get(name), desired, anonymousPulls });
  if (jobs.some((job) => throttledIn(job, desired).length > 0)) return rested({ ...attempt, entry: locked }, jobs);
  const recorded = { ...attempt, entry: withDeadline({ ...attempt, entry: locked }, finished) };
  const reported = reportedBy(jobs);
  return {
    ...nothingFound,
    entry: nextEntry(recorded, jobs, reported, world.now),
    reported,
    present: new Map(finished.flatMap((job) => [...digestsIn(job)])),
  };
}

/** Why images fail beside those whose registry throttles: that is shown while the node waits. */
const otherCauses = (jobs: readonly JobResult[], { images }: DesiredImages): ReadonlyMap<number, Cause> =>
  new Map(
    jobs
      .flatMap((job) => [...causesIn(job)])
      .filter(([index, cause]) => throttledBy(cause, images[index] ?? '') === undefined),
  );

/** What registries of the images of a Job asked for, if they throttle the node. */
function throttledIn(job: JobResult, { images }: DesiredImages): readonly RegistryFinding[] {
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
function rested(attempt: Attempt, jobs: readonly JobResult[]): AttemptResult {
  const finished = finishedIn(jobs);
  const entry = withFinished(attempt, finished);
  const count = attempt.desired.images.length;
  const causes = otherCauses(jobs, attempt.desired);
  const anew = withFirstAttempt(entry);
  const reported = new Map(pendingOf(anew, count).map((index) => [index, causes.get(index)]));
  const failing = withFailing(anew, reported, count);
  const again = { state: 'Pending', reason: registryRests, failingUntil: undefined, retryDeadline: undefined } as const;
  return {
    ...nothingFound,
    entry: { ...failing, ...again, rests: entry.rests + 1 },
    reported,
    present: new Map(finished.flatMap((job) => [...digestsIn(job)])),
    registries: jobs.flatMap((job) => throttledIn(job, attempt.desired)),
  };
}

/** Records the Jobs that have finished; the first of them sets the time for a second attempt. */
function withDeadline(attempt: Attempt, finished: readonly JobResult[]): LedgerEntry {
  const entry = withFinished(attempt, finished);
  if (finished.length === 0 || isSecondAttempt(entry) || hasResults(attempt.entry)) return entry;
  const startedAt = Math.min(...finished.map((job) => job.startedAt));
  return { ...entry, retryDeadline: retryDeadline(attempt, startedAt) };
}

function nextEntry(recorded: Attempt, jobs: readonly JobResult[], reported: Reported, now: number): LedgerEntry {
  const { entry } = recorded;
  // A Pod that was not started within the deadline has left no time for another attempt.
  const wasNeverStarted = finishedIn(jobs).some((job) => [...causesIn(job).values()].some(hadNoPod));
  const isExpired = wasNeverStarted || isPastDeadline(entry, now);
  const { length: count } = recorded.desired.images;
  if (unfinishedOf(entry, count).length === 0) return concluded(recorded, isExpired);
  if (!isSecondAttempt(entry) || !isPastDeadline(entry, now)) return withReported(entry, jobs, reported, count);
  return hasPutOff(entry) ? continued(entry, false) : settled(recorded);
}

/** A running Job reports only failures: that an image no longer fails is reported when the Job has ended. */
function reportedBy(jobs: readonly JobResult[]): Reported {
  const reporting = jobs.filter(({ type, images }) => type === 'finished' || images.size > 0);
  return new Map(
    reporting.flatMap((job) => {
      const causes = causesIn(job);
      return job.indexes.map((index) => [index, causes.get(index)] as const);
    }),
  );
}

/** Records which images fail while the attempt lasts, and until when. What was not reported on stays as it was. */
function withReported(entry: LedgerEntry, jobs: readonly JobResult[], reported: Reported, count: number): LedgerEntry {
  if (reported.size === 0) return entry;
  const next = withFailing(entry, reported, count);
  if (!hasFailing(next)) return { ...next, failingUntil: undefined };
  const ends = jobs.flatMap(({ until = Infinity }) => (until === Infinity ? [] : [until]));
  return { ...next, failingUntil: ends.length === 0 ? entry.failingUntil : roundUpToSecond(Math.max(...ends)) };
}

/** A lost Job is retried; after `maxAttempts` its images count as failed. */
function lost(attempt: Attempt): AttemptResult {
  const { entry } = attempt;
  if (triesOf(entry) < maxAttempts) return retry(entry);
  const { length: count } = attempt.desired.images;
  const unfinished = [...unfinishedOf(entry, count), ...putOffOf(entry, count)];
  return {
    ...nothingFound,
    entry: { ...withEnd(entry), state: 'Failed', failingUntil: undefined, retryDeadline: undefined },
    reported: new Map(unfinished.map((index) => [index, jobLost])),
  };
}

const jobLost: Cause = {
  reason: 'JobLost',
  message: `The Job or its Pod was deleted before it ended, and no more than ${maxAttempts} attempts are made in a round`,
};

/** The entry once all Jobs of the attempt have ended: images that failed are tried once more, if there is time left. */
function concluded(attempt: Attempt, isExpired: boolean): LedgerEntry {
  const { entry } = attempt;
  const repeats = hasFailures(entry) && !isExpired && mayRetry(entry);
  if (hasPutOff(entry)) return continued(entry, repeats);
  if (!repeats) return settled(attempt);
  const again = { state: 'Pending', oneImagePerJob: isInconclusive(entry), failingUntil: undefined } as const;
  return { ...withSecondAttempt(entry), ...again };
}

/** The entry after an attempt that put off images, which are next. It was not a try of the node's images, but of some. */
const continued = (entry: LedgerEntry, repeats: boolean): LedgerEntry => ({
  ...withRest(entry, repeats),
  ...{ state: 'Pending', rests: entry.rests + 1, failingUntil: undefined, retryDeadline: undefined },
  oneImagePerJob: repeats && isInconclusive(entry),
});

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
export function withoutLateAttempt(attempt: Attempt, now: number): LedgerEntry {
  const { entry } = attempt;
  if (!isSecondAttempt(entry) || !isPastDeadline(entry, now)) return entry;
  return hasPutOff(entry) ? continued(entry, false) : settled(attempt);
}
