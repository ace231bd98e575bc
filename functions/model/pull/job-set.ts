import { hash } from '#model/text/hash.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { FinishedJobs, LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { jobNamePrefix } from '#model/job/job-pod.ts';

/** Which images, by index into the want's sorted images, each Job of a node's attempt pulls; in the order in which the Jobs are made. */
export function jobSet(
  entry: LedgerEntry,
  wanted: DesiredImages,
  cache: ImageCache,
  settings: Settings,
): readonly (readonly number[])[] {
  const todo = todoOf(entry, wanted);
  const size = jobSize(entry, wanted, cache, settings);
  return Array.from({ length: Math.ceil(todo.length / size) }, (_, job) => todo.slice(job * size, (job + 1) * size));
}

/** How many images a Job of the attempt has; the last may have fewer. */
export function jobSize(entry: LedgerEntry, wanted: DesiredImages, cache: ImageCache, settings: Settings): number {
  if (entry.oneImagePerJob) return 1;
  return Math.min(settings.imagesPerJob, Math.ceil(todoOf(entry, wanted).length / cache.spec.pullsPerNode));
}

/** What the ledger says has ended, unless it is of a set that was cut another way. */
export const finishedJobsOf = (entry: LedgerEntry, size: number): FinishedJobs =>
  entry.finishedJobs?.imagesPerJob === size
    ? entry.finishedJobs
    : { imagesPerJob: size, jobs: [], failedImages: [], inconclusive: false };

/** The Jobs of the set that have not ended, in the order in which they are made. */
export function unfinishedJobs(
  entry: LedgerEntry,
  wanted: DesiredImages,
  cache: ImageCache,
  settings: Settings,
): readonly (readonly number[])[] {
  const ended = new Set(finishedJobsOf(entry, jobSize(entry, wanted, cache, settings)).jobs);
  return jobSet(entry, wanted, cache, settings).filter(([first = -1]) => !ended.has(first));
}

/** The Jobs that are to be there now: a node has as many at once as `pullsPerNode` says, and the others follow when those have ended. */
export const jobsDue = (...of: Parameters<typeof unfinishedJobs>): readonly (readonly number[])[] =>
  unfinishedJobs(...of).slice(0, of[2].spec.pullsPerNode);

const todoOf = (entry: LedgerEntry, wanted: DesiredImages): readonly number[] =>
  entry.pendingImages ?? wanted.images.map((_, index) => index);

/** The one name of a Job: whoever makes it, however often, makes the same. At most 53 characters, as its Pods add to it. */
export function jobName(cache: ImageCache, entry: LedgerEntry, indexes: readonly number[]): string {
  const round = cache.status.round?.number ?? 0;
  return `${jobNamePrefix(cache.name)}-${hash(12, cache.uid, round, entry.id, entry.attempt, entry.desiredHash, String(entry.copiesNoop), ...indexes)}`;
}
