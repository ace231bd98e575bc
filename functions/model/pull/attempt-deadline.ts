import { roundUpToSecond } from '#model/text/times.ts';
import { pendingOf } from '#model/cache/image-states.ts';
import { isSecondAttempt, type LedgerEntry, maxAttempts, triesOf } from '#model/cache/ledger.ts';
import { pullDeadline } from '#model/job/job-times.ts';
import { type Attempt, unfinishedJobs } from './job-set.ts';
import { pullsPerNode } from '#model/start/node-busy.ts';

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
