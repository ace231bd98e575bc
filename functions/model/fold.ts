import { withNode, withoutNode } from './failures.ts';
import type { Failures, ImageCache, Status } from './image-cache.ts';
import { mostAttempts, type LedgerEntry } from './ledger.ts';
import { jobName, jobSet } from './job-set.ts';
import { judge, type Verdict } from './pull-result.ts';
import type { Cause } from './image-outcome.ts';
import { confronted } from './resolved.ts';
import type { WantedByHash } from './survey.ts';
import type { Wanted } from './wanted.ts';
import type { World } from './world.ts';

/** The status with the results of all Jobs that have come to an end: many results, one write. */
export function fold(world: World, cache: ImageCache, wanted: WantedByHash): { readonly status: Status } {
  const nodes = { ...cache.status.nodes };
  let { failures, digests, resolved } = cache.status;
  for (const [name, entry] of Object.entries(cache.status.nodes)) {
    const want = wanted.get(entry.want);
    if (entry.state !== 'Pulling' || want === undefined) continue;
    const result = resultOf(name, { world, cache, entry, want });
    nodes[name] = result.entry;
    if (result.causes !== undefined) failures = told(failures, name, result.causes, want);
    const reported = digestsOf(result.present, want);
    digests = { ...digests, ...reported };
    resolved = confronted(resolved, reported);
  }
  return { status: { ...cache.status, nodes, failures, digests, resolved } };
}

type Case = { readonly world: World; readonly cache: ImageCache; readonly entry: LedgerEntry; readonly want: Wanted };

type Result = {
  readonly entry: LedgerEntry;
  /** What is to be told of the node's images; undefined leaves what is told. */
  readonly causes: ReadonlyMap<number, Cause> | undefined;
  readonly present: ReadonlyMap<number, string>;
};

const nothing: ReadonlyMap<number, never> = new Map<number, never>();

/** What the Jobs of a node's attempt have come to, taken together: it is folded when all of them have ended. */
function resultOf(name: string, task: Case): Result {
  const verdicts = verdictsOf(name, task);
  const isAll = verdicts.every((verdict) => verdict !== undefined);
  const told = verdicts.filter((verdict) => verdict !== undefined);
  if (told.some(({ type }) => type === 'lost')) return lost(task);
  if (told.some(({ type }) => type === 'mountRefused'))
    return task.entry.copy ? lost(task) : again({ ...task.entry, copy: true });
  const ended = told.filter((verdict) => verdict.type === 'done');
  if (isAll && ended.length === verdicts.length) return concluded(task, ended);
  const causes = new Map(told.flatMap(causesOf));
  return { entry: task.entry, causes: causes.size === 0 ? undefined : causes, present: nothing };
}

/** What a Job says of its images before all of the node's have ended. */
function causesOf(verdict: Verdict): readonly (readonly [number, Cause])[] {
  if (verdict.type === 'open') return [...verdict.causes];
  return verdict.type === 'done' ? [...verdict.failed] : [];
}

/** One verdict per Job; undefined for a Job that was not looked at, or that is still to be made. */
function verdictsOf(name: string, { world, cache, entry, want }: Case): readonly (Verdict | undefined)[] {
  const { observed, settings, now } = world;
  return jobSet(entry, want, cache, settings).map((indexes) => {
    const job = jobName(cache, entry, indexes);
    if (observed.goneJobs.has(job)) return { type: 'lost' };
    const view = observed.jobs.get(job);
    if (view === undefined) return undefined;
    return judge({ view, indexes, wanted: want, entry, cache, node: observed.nodes.get(name), settings, now });
  });
}

const again = (entry: LedgerEntry): Result => ({
  entry: { ...entry, state: 'Pending' },
  causes: undefined,
  present: nothing,
});

/** Lost work is done again, a few times. */
function lost({ entry, want }: Case): Result {
  if (entry.attempt < mostAttempts) return again(entry);
  const failed = entry.todo ?? want.images.map((_, index) => index);
  const causes = new Map(failed.map((index) => [index, jobLost]));
  return { entry: { ...entry, state: 'Failed', todo: undefined, failed }, causes, present: nothing };
}
const jobLost: Cause = {
  reason: 'JobLost',
  message: `The Job or its Pod was taken away ${mostAttempts} times before it ended`,
};

function concluded({ entry }: Case, verdicts: readonly Extract<Verdict, { type: 'done' }>[]): Result {
  const causes = new Map(verdicts.flatMap((verdict) => [...verdict.failed]));
  const present = new Map(verdicts.flatMap((verdict) => [...verdict.present]));
  const failed = [...causes.keys()].toSorted((a, b) => a - b);
  if (failed.length === 0) {
    const ready = { ...entry, state: 'Ready', todo: undefined, failed: [], singly: false } as const;
    return { entry: ready, causes: nothing, present };
  }
  const isLastTry = entry.failed.length > 0 || entry.attempt >= mostAttempts;
  const isVague = verdicts.some(({ vague }) => vague.size > 0);
  const next = isLastTry
    ? ({ ...entry, state: 'Failed', todo: undefined, failed, singly: false } as const)
    : ({ ...entry, state: 'Pending', todo: failed, failed, singly: isVague } as const);
  return { entry: next, causes, present };
}

function told(failures: Failures, name: string, causes: ReadonlyMap<number, Cause>, want: Wanted): Failures {
  if (causes.size === 0) return withoutNode(failures, name);
  return withNode(failures, name, new Map([...causes].map(([index, cause]) => [want.images[index] ?? '', cause])));
}

function digestsOf(present: ReadonlyMap<number, string>, want: Wanted): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...present].flatMap(([index, digest]) => (digest === '' ? [] : [[want.images[index] ?? '', digest]])),
  );
}
