import { labels, pullSelector } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { freePullSlots } from '#model/desired/rollout.ts';
import { isNodeBusy, type LedgerEntry, waitsForRegistry } from '#model/cache/ledger.ts';
import { type Names, nothingObserved, type Observed } from '#model/observed.ts';
import { jobName, jobsDue } from '#model/pull/attempt.ts';
import type { JobView, Pod } from '#model/job/job.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';
import { shareOfCalls } from '#runtime/api/limits.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { retainsJobs } from '#model/job/job-times.ts';

/** Reads only what changed and what the decision needs: those Jobs with their Pods, their nodes, and the nodes to start next. */
export async function observeChanged(cache: ImageCache, changed: Names, context: Context): Promise<Observed> {
  const expected = expectedJobs(cache, context);
  const changedJobs = changedJobsOf(changed);
  const [read, onChangedNodes] = await Promise.all([
    readChangedJobs(
      [...changedJobs].map(([job, pod]) => ({ cache, job, pod, isExpected: expected.has(job) })),
      context,
    ),
    Promise.all(
      shareOfCalls(
        changed.nodes.map((name) => () => readNodeJobs(cache, ownEntry(cache.status.nodes, name), context)),
        context.signal,
      ),
    ),
  ]);
  const withChangedJobs = [...changedJobs.keys()].flatMap((job) => expected.get(job) ?? []);
  const names = nodesToRead(cache, changed.nodes, withChangedJobs, context);
  return {
    ...nothingObserved,
    nodes: await context.cluster.nodesNamed([...names]),
    jobs: new Map([...read.views, ...onChangedNodes.flatMap((views) => [...views])]),
    goneJobs: read.gone,
    runAsUser: names.size === 0 ? 0 : await context.cluster.userOf(cache.namespace),
  };
}

/** Names of the Jobs that should exist, each with the name of its node. */
function expectedJobs(cache: ImageCache, { settings }: Context): ReadonlyMap<string, string> {
  const jobs = Object.entries(cache.status.nodes).flatMap(([node, entry]) => {
    if (entry.state !== 'Pulling') return [];
    const wanted = desiredImagesOf(cache, ownEntry(cache.status.desired, entry.desiredHash) ?? [], settings);
    return jobsDue({ cache, entry, desired: wanted, settings }).map(
      (indexes) => [jobName(cache, entry, indexes), node] as const,
    );
  });
  return new Map(jobs);
}

/** Names of changed Jobs, each with its changed Pod if there is one: a Pod has the name of its Job and a suffix of five characters. */
function changedJobsOf({ jobs, pods }: Names): ReadonlyMap<string, string | undefined> {
  const byName = new Map<string, string | undefined>(jobs.map((job) => [job, undefined]));
  for (const pod of pods) byName.set(pod.replace(/-[a-z0-9]{5}$/, ''), pod);
  return byName;
}

const none: ReadonlyMap<string, JobView> = new Map<string, JobView>();

/** All Jobs of a cache on one node. */
async function readNodeJobs(
  cache: ImageCache,
  entry: LedgerEntry | undefined,
  context: Context,
): Promise<ReadonlyMap<string, JobView>> {
  if (entry?.state !== 'Pulling') return none;
  const selector = `${labels.cacheUid}=${cache.uid},${pullSelector},${labels.node}=${entry.id}`;
  const jobs = await context.cluster.jobs(cache.namespace, selector);
  return jobViews(jobs, await context.cluster.pods(cache.namespace, selector), context);
}

/** The changed nodes, the nodes of changed Jobs, and as many waiting nodes as can be started then. */
function nodesToRead(
  cache: ImageCache,
  changedNodes: readonly string[],
  withChangedJobs: readonly string[],
  { settings, now }: Context,
): ReadonlySet<string> {
  // A node on which other caches pull is named in an event once it can start.
  // One that waits for a registry starts when that opens.
  const isWaiting = Object.values(cache.status.registries).some(({ waitsUntil = 0 }) => waitsUntil > now());
  const waiting = Object.entries(cache.status.nodes).flatMap(([name, entry]) =>
    entry.state === 'Pending' && !isNodeBusy(entry) && !(isWaiting && waitsForRegistry(entry)) ? [name] : [],
  );
  const known = [...changedNodes, ...withChangedJobs];
  const free = Math.min(freePullSlots(cache), settings.jobsMaxSurge || Infinity);
  const next = waiting.slice(0, Math.min(free + withChangedJobs.length, room(known.length)));
  return new Set([...known, ...next]);
}

/** How many waiting nodes to read besides others: each costs a request, and another to create its Job. */
const room = (others: number): number => Math.max(64, 256 - others);

/** A Job that an event reported. */
type ChangedJob = {
  readonly cache: ImageCache;
  /** Its name. */
  readonly job: string;
  /** The name of its Pod, if the event reported one. */
  readonly pod: string | undefined;
  /** Whether the ledger expects it: any other Job with the cache's label is left over. */
  readonly isExpected: boolean;
};

/** By name: the Jobs that exist, and the expected Jobs that do not. */
type ChangedJobs = { readonly views: ReadonlyMap<string, JobView>; readonly gone: ReadonlySet<string> };

/** Reads the Pod of each Job or, if it has none, the Job itself; the reasons for missing Pods are read for all Jobs at once. */
async function readChangedJobs(changed: readonly ChangedJob[], context: Context): Promise<ChangedJobs> {
  const read = await Promise.all(
    shareOfCalls(
      changed.map((each) => async () => ({
        ...each,
        view: await (each.isExpected ? expected : leftOver)(each, context),
      })),
      context.signal,
    ),
  );
  const existing = read.filter(({ view }) => view.job !== undefined || view.pod !== undefined);
  const podless = existing.flatMap(({ isExpected, view }) =>
    isExpected && view.pod === undefined ? (view.job ?? []) : [],
  );
  return {
    views: new Map([
      ...existing.map(({ job, view }) => [job, view] as const),
      ...(await jobViews(podless, [], context)),
    ]),
    gone: new Set(read.flatMap(({ job, isExpected, view }) => (isExpected && isNothing(view) ? [job] : []))),
  };
}

const isNothing = ({ job, pod }: JobView): boolean => job === undefined && pod === undefined;

async function expected(changed: ChangedJob, context: Context): Promise<JobView> {
  const { cache, job: name, pod: podName } = changed;
  const named = podName === undefined ? undefined : await podNamed(podName, cache, context);
  if (named !== undefined) return { job: undefined, pod: named };
  const job = await context.cluster.job(cache.namespace, name);
  if (job === undefined || job.hasPods === false) return { job, pod: undefined };
  return { job, pod: await podOf(name, cache, context) };
}

/** A Job that nothing waits for: deleted without reading its Pod, unless finished Jobs are retained. */
async function leftOver({ cache, job: name, pod: podName }: ChangedJob, context: Context): Promise<JobView> {
  const job = await context.cluster.job(cache.namespace, name);
  if (job?.cacheUid !== cache.uid || job.isRemoval) return { job: undefined, pod: undefined };
  if (!retainsJobs(cache, context.settings)) return { job, pod: undefined };
  const named = podName === undefined ? undefined : await podNamed(podName, cache, context);
  return { job, pod: named ?? (await podOf(name, cache, context)) };
}

async function podNamed(name: string, cache: ImageCache, { cluster }: Context): Promise<Pod | undefined> {
  const pod = await cluster.pod(cache.namespace, name);
  return pod?.cacheUid === cache.uid ? pod : undefined;
}

async function podOf(job: string, cache: ImageCache, { cluster }: Context): Promise<Pod | undefined> {
  const pods = await cluster.pods(cache.namespace, `${labels.cacheUid}=${cache.uid},${pullSelector},job-name=${job}`);
  return pods[0];
}
