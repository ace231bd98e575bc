import type { Job } from '#model/job/job.ts';
import { evidenceTime } from '#model/job/job-times.ts';

/**
 * Removal Jobs that ended long ago and are to be deleted: their cache is gone or does not retain Jobs, or a newer one has
 * ended on their node. `retaining` are the uids of the caches that do. Most are deleted before by their TTL.
 */
export function outdatedRemovals(jobs: readonly Job[], retaining: ReadonlySet<string>, now: number): readonly Job[] {
  const newest = new Map<string, number>();
  for (const job of jobs.filter(({ endedAt }) => endedAt !== undefined))
    newest.set(keyOf(job), Math.max(newest.get(keyOf(job)) ?? 0, job.createdAt));
  return jobs.filter((job) => {
    const isOld = job.endedAt !== undefined && now - job.endedAt >= 2 * evidenceTime;
    return isOld && !(retaining.has(job.cacheUid) && job.createdAt === newest.get(keyOf(job)));
  });
}

const keyOf = ({ cacheUid, nodeId }: Job): string => `${cacheUid} ${nodeId}`;
