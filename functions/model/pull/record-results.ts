import { withNode, withoutNode, type Cause } from '#model/cache/failures.ts';
import type { Failures, ImageCache, Status } from '#model/cache/image-cache.ts';
import { maxAttempts, type FinishedJobs, type LedgerEntry } from '#model/cache/ledger.ts';
import { finishedJobsOf, jobName, jobsDue, jobSize, unfinishedJobs } from './job-set.ts';
import { evaluateJob, type Verdict } from './evaluate-job.ts';
import { withReportedDigests } from '#model/cache/known-digest.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { World } from '#model/world.ts';

/** The status with the results of all Jobs that have come to an end: many results, one write. */
export function recordResults(world: World, cache: ImageCache, wanted: DesiredByHash): { readonly status: Status } {
  const nodes = { ...cache.status.nodes };
  let { failures, digests, knownDigests } = cache.status;
  for (const [name, entry] of Object.entries(cache.status.nodes)) {
    const want = wanted.get(entry.desiredHash);
    if (entry.state !== 'Pulling' || want === undefined) continue;
    const result = resultOf(name, { world, cache, entry, want });
    nodes[name] = result.entry;
    failures = toldOf(failures, name, result, want);
    const reported = digestsOf(result.present, want);
    digests = { ...digests, ...reported };
    knownDigests = withReportedDigests(knownDigests, reported);
  }
  return { status: { ...cache.status, nodes, failures, digests, knownDigests } };
}

type Case = {
  readonly world: World;
  readonly cache: ImageCache;
  readonly entry: LedgerEntry;
  readonly want: DesiredImages;
};

type Result = {
  readonly entry: LedgerEntry;
  /** What there is to tell of some of the node's images in place of what was told of them; undefined leaves it. */
  readonly told: Told | undefined;
  readonly present: ReadonlyMap<number, string>;
};

type Told = { readonly of: readonly number[]; readonly causes: ReadonlyMap<number, Cause> };

type Done = Extract<Verdict, { type: 'done' }>;

const nothing: ReadonlyMap<number, never> = new Map<number, never>();

/** What the Jobs of a node's attempt have come to. Each is recorded when it has ended; what is to follow is decided when all of them have. */
function resultOf(name: string, task: Case): Result {
  const judged = verdictsOf(name, task);
  const types = judged.map(({ verdict: { type } }) => type);
  if (types.includes('lost')) return lost(task);
  if (types.includes('mountRefused'))
    return task.entry.copiesNoop ? lost(task) : again({ ...task.entry, copiesNoop: true });
  const done = judged.flatMap(({ indexes, verdict }) => (verdict.type === 'done' ? [{ indexes, verdict }] : []));
  const entry = done.length === 0 ? task.entry : withEnded(task, done);
  const isLeft = unfinishedJobs(entry, task.want, task.cache, task.world.settings).length > 0;
  return {
    entry: isLeft ? entry : concluded(entry, task),
    told: toldBy(judged),
    present: new Map(done.flatMap(({ verdict }) => [...verdict.present])),
  };
}

type Judged = { readonly indexes: readonly number[]; readonly verdict: Verdict };

/** The Jobs that are to be there, as far as they were looked at. */
function verdictsOf(name: string, { world, cache, entry, want }: Case): readonly Judged[] {
  const { observed, settings, now } = world;
  return jobsDue(entry, want, cache, settings).flatMap((indexes): readonly Judged[] => {
    const job = jobName(cache, entry, indexes);
    if (observed.goneJobs.has(job)) return [{ indexes, verdict: { type: 'lost' } }];
    const view = observed.jobs.get(job);
    if (view === undefined) return [];
    const node = observed.nodes.get(name);
    return [{ indexes, verdict: evaluateJob({ view, indexes, wanted: want, entry, cache, node, settings, now }) }];
  });
}

/** A Job at work tells of troubles only: that there are none any more is told when it has ended. */
function toldBy(judged: readonly Judged[]): Told | undefined {
  const told = judged.flatMap(({ indexes, verdict }) => {
    if (verdict.type === 'open') return verdict.causes.size > 0 ? [{ of: indexes, causes: verdict.causes }] : [];
    return verdict.type === 'done' ? [{ of: indexes, causes: verdict.failed }] : [];
  });
  if (told.length === 0) return undefined;
  return { of: told.flatMap(({ of }) => of), causes: new Map(told.flatMap(({ causes }) => [...causes])) };
}

function withEnded(
  { entry, want, cache, world }: Case,
  done: readonly { readonly indexes: readonly number[]; readonly verdict: Done }[],
): LedgerEntry {
  const before = finishedJobsOf(entry, jobSize(entry, want, cache, world.settings));
  const ended: FinishedJobs = {
    ...before,
    jobs: [...before.jobs, ...done.flatMap(({ indexes }) => indexes.slice(0, 1))].toSorted(ascending),
    failedImages: [...before.failedImages, ...done.flatMap(({ verdict }) => [...verdict.failed.keys()])].toSorted(
      ascending,
    ),
    inconclusive: before.inconclusive || done.some(({ verdict }) => verdict.vague.size > 0),
  };
  return { ...entry, finishedJobs: ended };
}

const ascending = (a: number, b: number): number => a - b;

const again = (entry: LedgerEntry): Result => ({
  entry: { ...entry, state: 'Pending', finishedJobs: undefined },
  told: undefined,
  present: nothing,
});

/** Lost work is done again, a few times. */
function lost({ entry, want, cache, world }: Case): Result {
  if (entry.attempt < maxAttempts) return again(entry);
  const open = unfinishedJobs(entry, want, cache, world.settings).flat();
  const failed = [...open, ...(entry.finishedJobs?.failedImages ?? [])].toSorted(ascending);
  const told = { of: open, causes: new Map(open.map((index) => [index, jobLost])) };
  return {
    entry: { ...entry, state: 'Failed', pendingImages: undefined, failedImages: failed, finishedJobs: undefined },
    told,
    present: nothing,
  };
}
const jobLost: Cause = {
  reason: 'JobLost',
  message: `The Job or its Pod was taken away ${maxAttempts} times before it ended`,
};

/** All Jobs of the attempt have ended: what could not be got is tried once more. */
function concluded(entry: LedgerEntry, { want, cache, world }: Case): LedgerEntry {
  const { failedImages, inconclusive } = finishedJobsOf(entry, jobSize(entry, want, cache, world.settings));
  const settled = { ...entry, pendingImages: undefined, failedImages, oneImagePerJob: false, finishedJobs: undefined };
  if (failedImages.length === 0) return { ...settled, state: 'Ready' };
  const isLastTry = entry.failedImages.length > 0 || entry.attempt >= maxAttempts;
  return {
    ...settled,
    ...(isLastTry
      ? { state: 'Failed' }
      : { state: 'Pending', pendingImages: failedImages, oneImagePerJob: inconclusive }),
  };
}

/** What is told of a node that has everything is nothing. */
function toldOf(failures: Failures, name: string, { entry, told }: Result, want: DesiredImages): Failures {
  if (entry.state === 'Ready') return withoutNode(failures, name);
  if (told === undefined) return failures;
  const named = (index: number): string => want.images[index] ?? '';
  const causes = new Map([...told.causes].map(([index, cause]) => [named(index), cause]));
  return withNode(failures, { node: name, causes, images: new Set(told.of.map(named)) });
}

function digestsOf(present: ReadonlyMap<number, string>, want: DesiredImages): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...present].flatMap(([index, digest]) => (digest === '' ? [] : [[want.images[index] ?? '', digest]])),
  );
}
