import type { Job, Pod } from '#model/pod.ts';
import { podGrace, type JobView } from '#model/pull-result.ts';
import type { Cluster } from './cluster.ts';
import type { Context } from './handler.ts';

/** Jobs of a namespace and their Pods put together. A Job that has had time to make its Pod and has none is read in full, with its Events. */
export async function jobViews(
  jobs: readonly Job[],
  pods: readonly Pod[],
  { cluster, now }: Context,
): Promise<ReadonlyMap<string, JobView>> {
  const podOf = new Map(pods.map((pod) => [pod.jobUid, pod]));
  const late = jobs.filter((job) => !podOf.has(job.uid) && now() - job.createdAt >= podGrace);
  const read = new Map((await podlessJobs(late, cluster)).map((job) => [job.uid, job]));
  return new Map(jobs.map((job) => [job.name, { job: read.get(job.uid) ?? job, pod: podOf.get(job.uid) }]));
}

/** Jobs without a Pod: how they ended, or why they have none. */
async function podlessJobs(listed: readonly Job[], cluster: Cluster): Promise<readonly Job[]> {
  const jobs = await Promise.all(listed.map(async (job) => inFull(job, cluster)));
  const open = jobs.filter(({ outcome }) => outcome !== 'Complete' && outcome !== 'Failed');
  const refusals = await cluster.podRefusals(open[0]?.namespace ?? '', open);
  return jobs.map((job) => ({ ...job, podRefused: refusals.get(job.uid) ?? '' }));
}

async function inFull(job: Job, cluster: Cluster): Promise<Job> {
  if (job.outcome !== undefined) return job;
  const read = await cluster.job(job.namespace, job.name);
  return read?.uid === job.uid ? read : job;
}
