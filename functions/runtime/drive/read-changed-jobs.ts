import { labels, pullSelector } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Pod } from '#model/job/pod.ts';
import type { JobView } from '#model/job/job-view.ts';
import { retainsJobs } from '#model/pull/retained-jobs.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';

/** A Job that an event told of. */
export type ChangedJob = {
  readonly cache: ImageCache;
  /** Its name. */
  readonly job: string;
  /** The name of the Pod that told of it, if one did. */
  readonly pod: string | undefined;
  /** Whether it should be there: whatever else turns up under the cache's label is left over. */
  readonly isExpected: boolean;
};

/** Both by name: the Jobs that are there, and those that should be and are not. */
export type ChangedJobs = { readonly views: ReadonlyMap<string, JobView>; readonly gone: ReadonlySet<string> };

/** Reads of each Job its Pod or, where it has none, the Job itself; why Jobs have none is asked for all of them at once. */
export async function readChangedJobs(touched: readonly ChangedJob[], context: Context): Promise<ChangedJobs> {
  const read = await Promise.all(
    touched.map(async (each) => ({ ...each, view: await (each.isExpected ? expected : leftOver)(each, context) })),
  );
  const there = read.filter(({ view }) => view.job !== undefined || view.pod !== undefined);
  const podless = there.flatMap(({ isExpected, view }) =>
    isExpected && view.pod === undefined ? (view.job ?? []) : [],
  );
  return {
    views: new Map([...there.map(({ job, view }) => [job, view] as const), ...(await jobViews(podless, [], context))]),
    gone: new Set(read.flatMap(({ job, isExpected, view }) => (isExpected && isNothing(view) ? [job] : []))),
  };
}

const isNothing = ({ job, pod }: JobView): boolean => job === undefined && pod === undefined;

async function expected(touched: ChangedJob, context: Context): Promise<JobView> {
  const { cache, job: name, pod: told } = touched;
  const named = told === undefined ? undefined : await podNamed(told, cache, context);
  if (named !== undefined) return { job: undefined, pod: named };
  const job = await context.cluster.job(cache.namespace, name);
  if (job === undefined || job.hasPods === false) return { job, pod: undefined };
  return { job, pod: await podOf(name, cache, context) };
}

/** A Job that nothing waits for: to be deleted unread, unless Jobs are retained whose Pod has run. */
async function leftOver({ cache, job: name, pod: told }: ChangedJob, context: Context): Promise<JobView> {
  const job = await context.cluster.job(cache.namespace, name);
  if (job?.cacheUid !== cache.uid || job.isRemoval) return { job: undefined, pod: undefined };
  if (!retainsJobs(cache, context.settings)) return { job, pod: undefined };
  const named = told === undefined ? undefined : await podNamed(told, cache, context);
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
