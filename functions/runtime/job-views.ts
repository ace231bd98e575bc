import type { Job, Pod } from '#model/pod.ts';
import { podGrace, type JobView } from '#model/pull-result.ts';
import type { Cluster } from './cluster.ts';
import type { Context } from './handler.ts';

/** Jobs and their Pods put together. A Job that has had time to make its Pod and has none is read in full, with its Events. */
export async function jobViews(
  jobs: readonly Job[],
  pods: readonly Pod[],
  { cluster, now }: Context,
): Promise<ReadonlyMap<string, JobView>> {
  const podOf = new Map(pods.map((pod) => [pod.jobUid, pod]));
  const views = jobs.map(async (job): Promise<[string, JobView]> => {
    const pod = podOf.get(job.uid);
    if (pod !== undefined || now() - job.createdAt < podGrace) return [job.name, { job, pod }];
    return [job.name, { job: await podlessJob(job, cluster), pod: undefined }];
  });
  return new Map(await Promise.all(views));
}

/** A Job without a Pod: how it ended, or why it has none. */
async function podlessJob(listed: Job, cluster: Cluster): Promise<Job> {
  const namespace = listed.namespace;
  const job = (await cluster.job(namespace, listed.name)) ?? listed;
  if (job.outcome === 'Complete' || job.outcome === 'Failed') return job;
  return { ...job, podRefused: await cluster.podRefusal(namespace, job) };
}
