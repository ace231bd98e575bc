import { labels, pullsOnly } from '#model/api.ts';
import type { ImageCache } from '#model/image-cache.ts';
import { freeSlots } from '#model/claim.ts';
import { retainsJobs } from '#model/retained-jobs.ts';
import type { LedgerEntry } from '#model/ledger.ts';
import type { Node } from '#model/node.ts';
import type { Observed } from '#model/observed.ts';
import { jobName, jobsDue } from '#model/job-set.ts';
import type { JobView } from '#model/pull-result.ts';
import { wantedOf } from '#model/wanted.ts';
import type { Context } from './handler.ts';
import { jobViews } from './job-views.ts';
import type { Changed } from './scope.ts';
import { own } from '#model/own.ts';

/** Reads only what changed and what a decision on it needs: those Jobs with their Pods, their nodes, and the nodes next in line. */
export async function observeChanged(
  cache: ImageCache,
  changed: Changed,
  context: Context,
): Promise<Omit<Observed, 'removals'>> {
  const expected = expectedJobs(cache, context);
  const touched = touchedJobs(changed);
  const read = await Promise.all(
    [...touched].map(([job, pod]) => readJob({ cache, job, pod, expected: expected.get(job) }, context)),
  );
  const forgotten = await Promise.all(
    changed.nodes.map((name) => readNodeJobs(cache, own(cache.status.nodes, name), context)),
  );
  const jobs = new Map([...read.flatMap(({ views }) => [...views]), ...forgotten.flatMap((views) => [...views])]);
  const names = nodesToRead(
    cache,
    changed,
    [...touched.keys()].flatMap((job) => expected.get(job)?.node ?? []),
    context,
  );
  return {
    nodes: await readNodes(names, context),
    hasAllNodes: false,
    jobs,
    hasAllJobs: false,
    goneJobs: new Set(read.flatMap(({ gone }) => gone)),
    runAsUser: names.size === 0 ? 0 : await context.cluster.userOf(cache.namespace),
  };
}

/** The node that a Job is for. */
type Expected = { readonly node: string };

/** The Jobs that should be there, by name, with their nodes: whatever else turns up under the cache's label is left over. */
function expectedJobs(cache: ImageCache, { settings }: Context): ReadonlyMap<string, Expected> {
  const jobs = Object.entries(cache.status.nodes).flatMap(([node, entry]) => {
    if (entry.state !== 'Pulling') return [];
    const wanted = wantedOf(cache, own(cache.status.wants, entry.want) ?? [], settings);
    return jobsDue(entry, wanted, cache, settings).map(
      (indexes) => [jobName(cache, entry, indexes), { node }] as const,
    );
  });
  return new Map(jobs);
}

/** Job names with the Pod that told of them, if one did: a Pod of a Job is named after it, with five characters more. */
function touchedJobs({ jobs, pods }: Changed): ReadonlyMap<string, string | undefined> {
  const touched = new Map<string, string | undefined>(jobs.map((job) => [job, undefined]));
  for (const pod of pods) touched.set(pod.replace(/-[a-z0-9]{5}$/, ''), pod);
  return touched;
}

type Touched = {
  readonly cache: ImageCache;
  readonly job: string;
  readonly pod: string | undefined;
  readonly expected: Expected | undefined;
};

type Read = { readonly views: ReadonlyMap<string, JobView>; readonly gone: readonly string[] };

const none: ReadonlyMap<string, JobView> = new Map<string, JobView>();

/** A Job with its Pod. */
async function readJob(touched: Touched, context: Context): Promise<Read> {
  const { cache, job, expected } = touched;
  if (expected === undefined) return { views: await leftOver(touched, context), gone: [] };
  const pod = await podOf(touched, context);
  if (pod !== undefined) return { views: new Map([[job, { job: undefined, pod }]]), gone: [] };
  const found = await context.cluster.job(cache.namespace, job);
  if (found === undefined) return { views: none, gone: [job] };
  return { views: await jobViews([found], [], context), gone: [] };
}

async function podOf({ cache, job, pod }: Touched, { cluster }: Context) {
  const named = pod === undefined ? undefined : await cluster.pod(cache.namespace, pod);
  if (named !== undefined) return named.cacheUid === cache.uid ? named : undefined;
  const pods = await cluster.pods(cache.namespace, `${labels.cacheUid}=${cache.uid},${pullsOnly},job-name=${job}`);
  return pods[0];
}

/** A Job that nothing waits for: to be deleted unread, unless Jobs are retained whose Pod has run. */
async function leftOver(touched: Touched, context: Context): Promise<ReadonlyMap<string, JobView>> {
  const { cache, job: name } = touched;
  const job = await context.cluster.job(cache.namespace, name);
  if (job?.cacheUid !== cache.uid || job.isRemoval) return none;
  const pod = retainsJobs(cache, context.settings) ? await podOf(touched, context) : undefined;
  return new Map([[name, { job, pod }]]);
}

/** All Jobs that a cache has on one node. */
async function readNodeJobs(
  cache: ImageCache,
  entry: LedgerEntry | undefined,
  context: Context,
): Promise<ReadonlyMap<string, JobView>> {
  if (entry?.state !== 'Pulling') return none;
  const selector = `${labels.cacheUid}=${cache.uid},${pullsOnly},${labels.node}=${entry.id}`;
  const jobs = await context.cluster.jobs(cache.namespace, selector);
  return jobViews(jobs, await context.cluster.pods(cache.namespace, selector), context);
}

/** The nodes that changed, those whose Jobs did, and as many of those that wait as may have a place by then. */
function nodesToRead(
  cache: ImageCache,
  changed: Changed,
  concerned: readonly string[],
  { settings }: Context,
): ReadonlySet<string> {
  const waiting = Object.entries(cache.status.nodes).flatMap(([name, { state }]) =>
    state === 'Pending' ? [name] : [],
  );
  const next = waiting.slice(0, Math.min(freeSlots(cache, settings) + concerned.length, mostNext));
  return new Set([...changed.nodes, ...concerned, ...next]);
}
const mostNext = 64;

async function readNodes(
  names: ReadonlySet<string>,
  { cluster }: Context,
): Promise<ReadonlyMap<string, Node | undefined>> {
  const nodes = [...names].map(async (name) => [name, await cluster.node(name)] as const);
  return new Map(await Promise.all(nodes));
}
