import { labels, pullSelector } from '#model/cache/api.ts';
import type { Pod } from '#model/job/pod.ts';
import { podCreationGrace } from '#model/job/deadline.ts';
import type { JobView } from '#model/job/job-view.ts';
import type { Job } from '#model/job/job.ts';
import type { Cluster } from '#runtime/cluster/cluster.ts';
import type { Context } from '#runtime/handler.ts';

/** Jobs of a namespace and their Pods put together. A Job that has had time to make its Pod and has none is read in full, with its Events. */
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

/** Jobs without a Pod: how they ended, or why they have none. */
async function podlessJobs(listed: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const jobs = await inFull(listed, cluster);
  const open = jobs.filter(({ outcome }) => outcome !== 'Complete' && outcome !== 'Failed');
  const refusals = await cluster.podRefusals(open[0]?.namespace ?? '', open);
  return jobs.map((job) => ({ ...job, podRefused: refusals.get(job.uid) ?? '' }));
}

/** More than these, and a listing of all Jobs of the cache is cheaper than to read each. */
const mostRead = 50;

/** Jobs with their outcome, which a listing of metadata does not tell. */
async function inFull(jobs: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const unread = jobs.filter(({ outcome }) => outcome === undefined);
  const read = await (unread.length > mostRead ? listed(unread, cluster) : each(unread, cluster));
  const byUid = new Map(read.map((job) => [job.uid, job]));
  return jobs.map((job) => byUid.get(job.uid) ?? job);
}

async function each(jobs: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const read = await Promise.all(jobs.map(async ({ namespace, name }) => cluster.job(namespace, name)));
  return read.filter((job) => job !== undefined);
}

/** The Jobs that pull for the cache of these; all are of one. */
async function listed([first]: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  if (first === undefined) return [];
  return cluster.jobsInFull(first.namespace, `${labels.cacheUid}=${first.cacheUid},${pullSelector}`);
}
