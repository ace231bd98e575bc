import { labels, pullSelector } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Pod, JobView } from '#model/job/job.ts';
import { retainsJobs } from '#model/job/job-times.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';
import { shareOfCalls } from './share-of-calls.ts';

/** A Job that an event reported. */
export type ChangedJob = {
  readonly cache: ImageCache;
  /** Its name. */
  readonly job: string;
  /** The name of its Pod, if the event reported one. */
  readonly pod: string | undefined;
  /** Whether the ledger expects it: any other Job with the cache's label is left over. */
  readonly isExpected: boolean;
};

/** By name: the Jobs that exist, and the expected Jobs that do not. */
export type ChangedJobs = { readonly views: ReadonlyMap<string, JobView>; readonly gone: ReadonlySet<string> };

/** Reads the Pod of each Job or, if it has none, the Job itself; the reasons for missing Pods are read for all Jobs at once. */
export async function readChangedJobs(changed: readonly ChangedJob[], context: Context): Promise<ChangedJobs> {
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
