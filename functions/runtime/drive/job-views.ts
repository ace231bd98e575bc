import { labels, pullSelector } from '#model/cache/api.ts';
import type { Pod, JobView, Job } from '#model/job/job.ts';
import { podCreationGrace } from '#model/job/job-times.ts';
import type { Cluster } from '#runtime/cluster/cluster.ts';
import type { Context } from '#runtime/handler.ts';

/** Combines Jobs of a namespace with their Pods. A Job still without a Pod after a grace period is read in full, with its Events. */
export async function jobViews(
  jobs: readonly Job[],
  pods: readonly Pod[],
  { cluster, now }: Context,
): Promise<ReadonlyMap<string, JobView>> {
  const podOf = new Map(pods.map((pod) => [pod.jobUid, pod]));
  const late = jobs.filter((job) => !podOf.has(job.uid) && now() - job.createdAt >= podCreationGrace);
  const read = new Map((await podlessJobs(late, cluster)).map((job) => [job.uid, job]));
  return new Map(jobs.map((job) => [job.name, { job: read.get(job.uid) ?? job, pod: podOf.get(job.uid) }]));
}

/** Jobs without a Pod, with their outcome or the reason for having none. */
async function podlessJobs(listed: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const jobs = await inFull(listed, cluster);
  const open = jobs.filter(({ outcome }) => outcome !== 'Complete' && outcome !== 'Failed');
  const refusals = await cluster.podRefusals(open[0]?.namespace ?? '', open);
  return jobs.map((job) => ({ ...job, podRefused: refusals.get(job.uid) ?? '' }));
}

/** For more Jobs than this, one listing of all Jobs of the cache is cheaper. */
const maxSingleReads = 50;

/** Jobs with their outcome, which a metadata listing lacks. */
async function inFull(jobs: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const unread = jobs.filter(({ outcome }) => outcome === undefined);
  const read = await (unread.length > maxSingleReads ? listed(unread, cluster) : each(unread, cluster));
  const byUid = new Map(read.map((job) => [job.uid, job]));
  return jobs.map((job) => byUid.get(job.uid) ?? job);
}

async function each(jobs: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const read = await Promise.all(jobs.map(async ({ namespace, name }) => cluster.job(namespace, name)));
  return read.filter((job) => job !== undefined);
}

/** All pull Jobs of the cache that these Jobs belong to. */
async function listed([first]: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  if (first === undefined) return [];
  return cluster.jobsInFull(first.namespace, `${labels.cacheUid}=${first.cacheUid},${pullSelector}`);
}
