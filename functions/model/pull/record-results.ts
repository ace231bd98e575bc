import { type Cause, withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { withReportedDigests } from '#model/cache/known-digest.ts';
import { type FinishedJobs, type LedgerEntry, maxAttempts } from '#model/cache/ledger.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';
import { type Verdict, evaluateJob } from './evaluate-job.ts';
import { type Attempt, type JobImages, finishedJobsOf, jobName, jobsDue, unfinishedJobs } from './job-set.ts';

/** Records the results of all observed Jobs: in the ledger, the failures and the digests. Many results, one write. */
export function recordResults(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const nodes = { ...cache.status.nodes };
  let { failures, digests, knownDigests } = cache.status;
  for (const [name, entry] of Object.entries(cache.status.nodes)) {
    const images = desired.get(entry.desiredHash);
    if (entry.state !== 'Pulling' || images === undefined) continue;
    const result = resultOf(name, { cache, entry, desired: images, settings: world.settings }, world);
    nodes[name] = result.entry;
    failures = recordFailures(failures, { node: name, result, desired: images });
    const reported = digestsOf(result.present, images);
    digests = { ...digests, ...reported };
    knownDigests = withReportedDigests(knownDigests, reported);
  }
  return withStatus(cache, { nodes, failures, digests, knownDigests });
}

type Result = {
  readonly entry: LedgerEntry;
  /** Replaces the failures of these images on the node; undefined leaves them unchanged. */
  readonly report: Report | undefined;
  /** Reported digest by index of an image that is present; '' if the kubelet reported none. */
  readonly present: ReadonlyMap<number, string>;
};

type Report = { readonly images: readonly number[]; readonly causes: ReadonlyMap<number, Cause> };

type Finished = { readonly indexes: JobImages; readonly verdict: Extract<Verdict, { type: 'finished' }> };

/** What the Jobs of an attempt have come to. Each is recorded when it ends; the next step is decided when all have ended. */
function resultOf(name: string, attempt: Attempt, world: World): Result {
  const { entry } = attempt;
  const evaluated = evaluateJobs(name, attempt, world);
  const types = evaluated.map(({ verdict: { type } }) => type);
  if (types.includes('lost')) return lost(attempt);
  if (types.includes('mountRefused')) return entry.copiesNoop ? lost(attempt) : retry({ ...entry, copiesNoop: true });
  const finished = evaluated.flatMap(({ indexes, verdict }) =>
    verdict.type === 'finished' ? [{ indexes, verdict }] : [],
  );
  const recorded = { ...attempt, entry: withFinished(attempt, finished) };
  return {
    entry: unfinishedJobs(recorded).length > 0 ? recorded.entry : concluded(recorded),
    report: reportOf(evaluated),
    present: new Map(finished.flatMap(({ verdict }) => [...verdict.present])),
  };
}

type Evaluated = { readonly indexes: JobImages; readonly verdict: Verdict };

/** The Jobs that should exist now, as far as they were observed. */
function evaluateJobs(name: string, attempt: Attempt, { observed, now }: World): readonly Evaluated[] {
  const { cache, entry } = attempt;
  const node = observed.nodes.get(name);
  return jobsDue(attempt).flatMap((indexes): readonly Evaluated[] => {
    const job = jobName(cache, entry, indexes);
    if (observed.goneJobs.has(job)) return [{ indexes, verdict: { type: 'lost' } }];
    const view = observed.jobs.get(job);
    return view === undefined ? [] : [{ indexes, verdict: evaluateJob({ ...attempt, view, indexes, node, now }) }];
  });
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

function withFinished(attempt: Attempt, finished: readonly Finished[]): LedgerEntry {
  if (finished.length === 0) return attempt.entry;
  const stored = finishedJobsOf(attempt);
  const failed = finished.flatMap(({ verdict }) => [...verdict.failed.keys()]);
  const finishedJobs: FinishedJobs = {
    ...stored,
    jobs: [...stored.jobs, ...finished.flatMap(({ indexes }) => indexes.slice(0, 1))].toSorted(ascending),
    failedImages: [...stored.failedImages, ...failed].toSorted(ascending),
    inconclusive: stored.inconclusive || finished.some(({ verdict }) => verdict.inconclusive.size > 0),
  };
  return { ...attempt.entry, finishedJobs };
}

const ascending = (a: number, b: number): number => a - b;

const retry = (entry: LedgerEntry): Result => ({
  entry: { ...entry, state: 'Pending', finishedJobs: undefined },
  report: undefined,
  present: new Map(),
});

/** A lost Job is retried; after `maxAttempts` its images count as failed. */
function lost(attempt: Attempt): Result {
  const { entry } = attempt;
  if (entry.attempt < maxAttempts) return retry(entry);
  const unfinished = unfinishedJobs(attempt).flat();
  const failedImages = [...unfinished, ...(entry.finishedJobs?.failedImages ?? [])].toSorted(ascending);
  return {
    entry: { ...entry, state: 'Failed', pendingImages: undefined, failedImages, finishedJobs: undefined },
    report: { images: unfinished, causes: new Map(unfinished.map((index) => [index, jobLost])) },
    present: new Map(),
  };
}

const jobLost: Cause = {
  reason: 'JobLost',
  message: `The Job or its Pod was taken away ${maxAttempts} times before it ended`,
};

/** The entry once all Jobs of the attempt have ended: images that failed are retried once. */
function concluded(attempt: Attempt): LedgerEntry {
  const { entry } = attempt;
  const { failedImages, inconclusive } = finishedJobsOf(attempt);
  const settled = { ...entry, pendingImages: undefined, failedImages, oneImagePerJob: false, finishedJobs: undefined };
  if (failedImages.length === 0) return { ...settled, state: 'Ready' };
  const isLastAttempt = entry.failedImages.length > 0 || entry.attempt >= maxAttempts;
  if (isLastAttempt) return { ...settled, state: 'Failed' };
  return { ...settled, state: 'Pending', pendingImages: failedImages, oneImagePerJob: inconclusive };
}

type NodeResult = { readonly node: string; readonly result: Result; readonly desired: DesiredImages };

/** Ready nodes have no failure entries. */
function recordFailures(failures: Failures, { node, result, desired }: NodeResult): Failures {
  const { entry, report } = result;
  if (entry.state === 'Ready') return withoutNode(failures, node);
  if (report === undefined) return failures;
  const nameOf = (index: number): string => desired.images[index] ?? '';
  const causes = new Map([...report.causes].map(([index, cause]) => [nameOf(index), cause]));
  return withNode(failures, { node, causes, images: new Set(report.images.map(nameOf)) });
}

function digestsOf(present: ReadonlyMap<number, string>, { images }: DesiredImages): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...present].flatMap(([index, digest]) => (digest === '' ? [] : [[images[index] ?? '', digest]])),
  );
}
