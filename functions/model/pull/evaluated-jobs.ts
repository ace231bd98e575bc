import type { AnonymousPulls } from '#model/cache/access.ts';
import type { Cause } from '#model/cache/cause.ts';
import { type ImageResult, withoutResults, withResults } from '#model/cache/image-states.ts';
import { isSecondAttempt, type LedgerEntry } from '#model/cache/ledger.ts';
import { namesCredentials } from '#model/desired/access.ts';
import type { JobView, Pod } from '#model/job/job.ts';
import { containerName } from '#model/job/job-pod.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { World } from '#model/world.ts';
import { type Verdict, givenUpAt, evaluateJob } from './evaluate-job.ts';
import type { RegistryFinding } from '#model/start/registry-answers.ts';
import { type Attempt, type JobImages, jobName, jobsDue } from './job-set.ts';

/** The result of the Jobs of a node's attempt. */
export type Result = {
  readonly entry: LedgerEntry;
  /** Replaces the failures of these images on the node; undefined leaves them unchanged. */
  readonly report: Report | undefined;
  /** Reported digest by index of an image that is present; '' if the kubelet reported none. */
  readonly present: ReadonlyMap<number, string>;
  /** What Pods without credentials found. */
  readonly anonymousPulls: AnonymousPulls;
  /** Registries that throttled the node. */
  readonly registries: readonly RegistryFinding[];
};

export type Report = { readonly images: readonly number[]; readonly causes: ReadonlyMap<number, Cause> };

export type Evaluated = {
  readonly indexes: JobImages;
  readonly verdict: Verdict;
  /** When its Pod started, or if that was not observed, when it was created; epoch milliseconds. */
  readonly startedAt: number;
  readonly hasUsedCredentials: boolean;
  /** Indexes of the images for which its Pod pulls another one, as somebody has changed it. */
  readonly replaced: readonly number[];
  /** When the Job is given up, in epoch milliseconds, if it is running and reports failures. */
  readonly until?: number | undefined;
};

/** The Jobs that should exist now, as far as they were observed. */
export function evaluateJobs(name: string, attempt: Attempt, { observed, now }: World): readonly Evaluated[] {
  const { cache, entry, settings } = attempt;
  const node = observed.nodes.get(name);
  const hasNamed = entry.opening === undefined && namesCredentials(cache, settings);
  return jobsDue(attempt).flatMap((indexes): readonly Evaluated[] => {
    const job = jobName(cache, entry, indexes);
    if (observed.goneJobs.has(job))
      return [{ indexes, verdict: { type: 'lost' }, startedAt: now, hasUsedCredentials: hasNamed, replaced: [] }];
    const view = observed.jobs.get(job);
    if (view === undefined) return [];
    const evidence = { ...attempt, view, indexes, node, now };
    const verdict = evaluateJob(evidence);
    const until = verdict.type === 'running' && verdict.causes.size > 0 ? givenUpAt(evidence) : undefined;
    // A Job whose Pod is gone may have had credentials, which only the Pod shows.
    const hasUsedCredentials = hasNamed || (view.pod?.hasPullSecrets ?? mayHaveUsedSome(entry, view));
    const startedAt = view.pod?.startedAt ?? view.pod?.createdAt ?? view.job?.createdAt ?? now;
    const replaced = indexes.filter((index) => isReplaced(index, attempt, view.pod));
    return [{ indexes, verdict, startedAt, hasUsedCredentials, replaced, until }];
  });
}

/** Of a Job that pulls, only if it has pulled: its Pod was there. */
const mayHaveUsedSome = ({ opening }: LedgerEntry, { job }: JobView): boolean =>
  opening !== undefined || job?.outcome === 'Complete';

function isReplaced(index: number, { desired, settings }: Attempt, pod: Pod | undefined): boolean {
  const reference = pod?.containers.find(({ name }) => name === containerName(index))?.reference ?? '';
  const image = desired.images[index] ?? settings.noopImage;
  return reference !== '' && normalisedReference(reference) !== normalisedReference(image);
}

export type Finished = Omit<Evaluated, 'verdict'> & {
  readonly verdict: Extract<Verdict, { type: 'finished' }>;
};

export const finishedIn = (evaluated: readonly Evaluated[]): readonly Finished[] =>
  evaluated.flatMap(({ verdict, ...rest }) => (verdict.type === 'finished' ? [{ ...rest, verdict }] : []));

/** Records the Jobs that have finished in the entry. */
export function withFinished(attempt: Attempt, finished: readonly Finished[]): LedgerEntry {
  if (finished.length === 0) return attempt.entry;
  const results = finished.flatMap(({ indexes, verdict }) =>
    indexes.map((index): [number, ImageResult] => {
      const failed = verdict.inconclusive.has(index) ? 'inconclusive' : 'failed';
      return [index, verdict.failed.has(index) ? failed : 'succeeded'];
    }),
  );
  return withResults(attempt.entry, new Map(results), attempt.desired.images.length);
}

/** The result of Jobs on which nothing is to be reported. */
export const nothingFound = {
  report: undefined,
  present: new Map<number, string>(),
  anonymousPulls: {},
  registries: [],
} satisfies Partial<Result>;

/** The same images once more. */
export const retry = (entry: LedgerEntry): Result => ({
  ...nothingFound,
  entry: {
    ...withoutResults(entry),
    state: 'Pending',
    failingUntil: undefined,
    retryDeadline: isSecondAttempt(entry) ? entry.retryDeadline : undefined,
  },
});
