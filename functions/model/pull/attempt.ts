import type { ImageCache } from '#model/cache/image-cache.ts';
import { pendingOf, unfinishedOf } from '#model/cache/image-states.ts';
import { type LedgerEntry, isSecondAttempt, maxAttempts, triesOf } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { jobNamePrefix } from '#model/job/job-pod.ts';
import { hash } from '#model/text/hash.ts';
import { pullsPerNode } from '#model/start/node-busy.ts';
import { roundUpToSecond } from '#model/text/times.ts';
import { pullDeadline } from '#model/job/job-times.ts';

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
  const { id, attempt, desiredHash, copiesNoop, opening = '', lostAt = '' } = entry;
  // The attempts that follow a loss are others than those of the same round before it.
  const mode = `${copiesNoop}${opening}${lostAt}`;
  return `${jobNamePrefix(cache.name)}-${hash(12, cache.uid, round, id, attempt, desiredHash, mode, ...indexes)}`;
}

/** How long a Job may open images, in milliseconds: each costs a request, but waits behind other pulls of the kubelet. */
const openingDeadline = 300_000;

/** Whether images that the current attempt cannot pull are tried once more. */
export const mayRetry = (entry: LedgerEntry): boolean =>
  entry.opening === undefined && !isSecondAttempt(entry) && triesOf(entry) < maxAttempts;

/**
 * How long each image of a Job created at this time may take, in milliseconds. Jobs of a second attempt share what is left of
 * the first; those that open images have to do with all of them in this time.
 */
export function imageDeadline(attempt: Attempt, createdAt: number): number {
  const { cache, entry, settings } = attempt;
  const given = pullDeadline(cache, settings);
  if (entry.opening !== undefined) return Math.min(given, openingDeadline);
  if (!isSecondAttempt(entry) || entry.retryDeadline === undefined) return given;
  const rounds = Math.max(1, unfinishedJobs(attempt).length / pullsPerNode(cache, settings));
  return Math.min(given, Math.max(0, entry.retryDeadline - createdAt) / rounds);
}

/** When the node must be done with the images of an attempt whose first Pod started at this time, a second attempt included. */
export function retryDeadline(attempt: Attempt, startedAt: number): number | undefined {
  const { length: images } = pendingOf(attempt.entry, attempt.desired.images.length);
  const time = startedAt + pullDeadline(attempt.cache, attempt.settings) * images;
  return Number.isFinite(time) ? roundUpToSecond(time) : undefined;
}

/** Whether no time is left for another attempt, or for more of the second. */
export const isPastDeadline = ({ retryDeadline: deadline = Infinity }: LedgerEntry, now: number): boolean =>
  now >= deadline;
