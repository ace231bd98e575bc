import type { ImageCache } from '#model/cache/image-cache.ts';
import { pendingOf, unfinishedOf } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { jobNamePrefix } from '#model/job/job-pod.ts';
import { hash } from '#model/text/hash.ts';
import { pullsPerNode } from '#model/start/node-busy.ts';

/** One attempt to pull the desired images of a node. */
export type Attempt = {
  readonly cache: ImageCache;
  readonly entry: LedgerEntry;
  readonly desired: DesiredImages;
  readonly settings: Settings;
};

/** The images of one Job, as indexes into the sorted desired images. */
export type JobImages = readonly number[];

/** The images of each Job of an attempt, in the order in which the Jobs are created. */
export function jobSet({ cache, entry, desired, settings }: Attempt): readonly JobImages[] {
  const pending = pendingOf(entry, desired.images.length);
  const even = Math.ceil(pending.length / pullsPerNode(cache, settings));
  const size = entry.oneImagePerJob ? 1 : Math.min(settings.imagesPerJob, even);
  return Array.from({ length: Math.ceil(pending.length / size) }, (_, job) =>
    pending.slice(job * size, (job + 1) * size),
  );
}

/** The Jobs of the attempt that have not finished, in the order in which they are created. */
export function unfinishedJobs(attempt: Attempt): readonly JobImages[] {
  const unfinished = new Set(unfinishedOf(attempt.entry, attempt.desired.images.length));
  return jobSet(attempt).filter((indexes) => indexes.some((index) => unfinished.has(index)));
}

/** The Jobs that should exist now: as many of a node at once as the cache may have. */
export const jobsDue = (attempt: Attempt): readonly JobImages[] =>
  unfinishedJobs(attempt).slice(0, pullsPerNode(attempt.cache, attempt.settings));

/** The deterministic name of a Job, so that a second creation conflicts. At most 53 characters: its Pods append to it. */
export function jobName(cache: ImageCache, entry: LedgerEntry, indexes: JobImages): string {
  const round = cache.status.round?.number ?? 0;
  const { id, attempt, desiredHash, copiesNoop, opening = '' } = entry;
  const mode = `${copiesNoop}${opening}`;
  return `${jobNamePrefix(cache.name)}-${hash(12, cache.uid, round, id, attempt, desiredHash, mode, ...indexes)}`;
}
