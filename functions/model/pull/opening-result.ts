import type { AnonymousPulls } from '#model/cache/access.ts';
import type { Cause } from '#model/cache/cause.ts';
import { maxAttempts, triesOf } from '#model/cache/ledger.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { opened, withoutDenied, withoutNoop } from '#model/desired/locked-images.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { World } from '#model/world.ts';
import {
  type Finished,
  type Result,
  evaluateJobs,
  finishedIn,
  nothingFound,
  retry,
  withFinished,
} from './evaluated-jobs.ts';
import { isDenied } from './image-outcome.ts';
import { type Attempt, unfinishedJobs } from './job-set.ts';

/** The result of an attempt that opens images. Nothing that its Jobs report is a failure of the cache. */
export function openingResult(name: string, attempt: Attempt, world: World): Result {
  const { entry, desired } = attempt;
  const evaluated = evaluateJobs(name, attempt, world);
  const verdicts = evaluated.map(({ verdict }) => verdict);
  const isRefused = verdicts.some(({ type }) => type === 'mountRefused');
  if (isRefused && !entry.copiesNoop) return retry({ ...entry, copiesNoop: true });
  if (isRefused || verdicts.some(({ type }) => type === 'lost')) {
    if (triesOf(entry) < maxAttempts) return retry(entry);
    return { ...nothingFound, entry: opened(entry) };
  }
  // An admission webhook may give credentials to all Pods: those prove nothing.
  const finished = finishedIn(evaluated).map((job) => (job.hasUsedCredentials ? withNothingOpened(job) : job));
  const causes = new Map(finished.flatMap(({ verdict }) => [...verdict.failed]));
  const needsNoop =
    entry.opening === 'Noop' && [...causes.values()].some(({ reason }) => reason === 'HelperImageFailed');
  const bare = needsNoop ? withoutNoop(entry, desired) : undefined;
  if (bare !== undefined) return { ...nothingFound, entry: bare };
  const recorded = { ...attempt, entry: withFinished(attempt, finished) };
  const anonymousPulls = withFound(attempt.cache.status.anonymousPulls, anonymousPullsOf(finished, desired));
  const hasMore = unfinishedJobs(recorded).length > 0;
  const next = hasMore ? recorded.entry : opened(recorded.entry);
  return { ...nothingFound, entry: withoutDenied(next, { desired, anonymousPulls }), anonymousPulls };
}

function withNothingOpened({ indexes, verdict, ...rest }: Finished): Finished {
  const failed = new Map(indexes.map((index) => [index, usedCredentials]));
  return { ...rest, indexes, verdict: { ...verdict, present: new Map(), failed } };
}

const usedCredentials: Cause = { reason: 'UsedCredentials', message: 'The Pod was given credentials' };

/** What was denied stays denied: a kubelet without a record of an image starts it and does not ask the registry. */
function withFound(known: AnonymousPulls, found: AnonymousPulls): AnonymousPulls {
  const denied = Object.entries(known).filter(([, answer]) => answer === 'Denied');
  return { ...known, ...found, ...Object.fromEntries(denied) };
}

/** What Pods without credentials found, by normalised reference. Failures of another kind than a refusal say nothing. */
function anonymousPullsOf(finished: readonly Finished[], { images }: DesiredImages): AnonymousPulls {
  const found = finished.flatMap(({ verdict }) => [
    ...[...verdict.present.keys()].map((index) => [images[index], 'Allowed'] as const),
    ...[...verdict.failed].flatMap(([index, cause]) =>
      isDenied(cause, images[index] ?? '') ? [[images[index], 'Denied'] as const] : [],
    ),
  ]);
  return Object.fromEntries(
    found.flatMap(([image, answer]) => (image === undefined ? [] : [[normalisedReference(image), answer]])),
  );
}
