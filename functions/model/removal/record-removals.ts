import { type Cause, withNode } from '#model/cache/failures.ts';
import { type ImageCache, type Status, isPurged, withStatus } from '#model/cache/image-cache.ts';
import { maxAttempts } from '#model/cache/ledger.ts';
import { type RemovalEntry, failedRemovalEntry } from '#model/cache/removal-ledger.ts';
import { podCreationGrace, removalDeadline } from '#model/job/job-times.ts';
import type { Job, JobView, Pod } from '#model/job/job.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { removalJobName } from './removal-job.ts';
import { sparedImage } from './spared-images.ts';
import { type RemovalResult, parseRemovalResult } from './removal-result.ts';

/** Records the results of all observed removal Jobs: in the removal ledger and, for a purge, in the failures. */
export function recordRemovals({ observed, settings, now }: World, cache: ImageCache): ImageCache {
  const { jobs, goneJobs } = observed.removals;
  const removals = { ...cache.status.removals };
  let { failures } = cache.status;
  for (const [node, entry] of Object.entries(removals)) {
    if (entry.state !== 'Removing') continue;
    const job = removalJobName(cache, entry);
    const ending = goneJobs.has(job) ? lost : endingOf(jobs.get(job), removalDeadline(settings), now);
    if (ending === undefined) continue;
    const recorded = recordedEntry(entry, ending, cache, now);
    removals[node] = recorded;
    const images = ownEntry(cache.status.toRemove, entry.imagesHash) ?? [];
    if (isPurged(cache)) failures = withNode(failures, { node, causes: causesByImage(recorded, ending, images) });
  }
  return withStatus(cache, { removals: boundedSparedImages(removals), failures });
}

/** How a removal Job has ended. */
type Ending = {
  /** What its program reported; undefined if it reported nothing. */
  readonly result?: RemovalResult;
  /** Why images may be left on the node; undefined if none are. */
  readonly cause: Cause | undefined;
  /** After how many attempts the removal has failed: one that cannot start is not repeated at once. */
  readonly attempts: number;
};

/** The Job ended without a result for a reason that is not its own: it was evicted or deleted, or its node shut down. */
const lost: Ending = {
  cause: { reason: 'JobLost', message: 'The removal Job was deleted before it ended' },
  attempts: maxAttempts,
};

const notStarted = (reason: string, message: string): Ending => ({ cause: { reason, message }, attempts: 1 });

/**
 * How the Job has ended; undefined while it runs, or was not observed. `deadline` is how long its Pod may take to start, and
 * again how long it may run, in milliseconds.
 */
function endingOf(view: JobView | undefined, deadline: number, now: number): Ending | undefined {
  if (view?.pod !== undefined) return endingOfPod(view.pod, deadline, now);
  if (view?.job !== undefined) return endingWithoutPod(view.job, deadline, now);
  return view && lost;
}

function endingWithoutPod(job: Job, deadline: number, now: number): Ending | undefined {
  if (job.outcome === 'Complete' || job.outcome === 'Failed' || job.isBeingDeleted) return lost;
  const age = now - job.createdAt;
  if (job.podRefused !== '' && age >= podCreationGrace) return notStarted('FailedCreate', job.podRefused);
  return age < deadline ? undefined : notStarted('Pending', 'The Job has no Pod, and no Event says why');
}

function endingOfPod(pod: Pod, deadline: number, now: number): Ending | undefined {
  const [container] = pod.containers;
  const result = container?.state === 'terminated' ? parseRemovalResult(container.message) : undefined;
  if (result !== undefined) return { result, cause: causeIn(result), attempts: maxAttempts };
  if (pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded') return lost;
  if (now < (pod.startedAt ?? pod.createdAt) + deadline) return undefined;
  // In the kubelet's words: the removal image may not be pullable, for example.
  if (container?.state === 'waiting' && container.reason !== '')
    return notStarted(container.reason, `The removal Pod cannot start: ${container.message}`);
  if (container?.state === 'running') return notStarted('DeadlineExceeded', 'The removal Pod has not ended in time');
  return notStarted('Pending', pod.unschedulable || 'Check if node is ready');
}

function causeIn({ error, counts, images }: RemovalResult): Cause | undefined {
  if (error !== '') return { reason: 'RuntimeUnreachable', message: error };
  if (counts.failed === 0) return undefined;
  const first = images.find(({ outcome }) => outcome === 'failed');
  const message = first?.outcome === 'failed' ? `${first.image}: ${first.message}` : '';
  return { reason: 'RemovalFailed', message };
}

/** A removal that was interrupted or is incomplete is tried again, up to `attempts` times. */
function recordedEntry(
  entry: RemovalEntry,
  { result, cause, attempts }: Ending,
  cache: ImageCache,
  now: number,
): RemovalEntry {
  const counted = result === undefined ? entry : withCounts(entry, result, cache);
  if (cause === undefined) return { ...counted, state: 'Removed', reason: '', message: '' };
  return entry.attempt < attempts ? { ...counted, state: 'Pending' } : failedRemovalEntry(counted, cause, now);
}

/** Adds to what earlier attempts removed. */
const withCounts = (
  entry: RemovalEntry,
  { counts, freedBytes, images }: RemovalResult,
  cache: ImageCache,
): RemovalEntry => ({
  ...entry,
  removed: entry.removed + counts.removed,
  absent: Math.max(0, counts.absent - entry.removed),
  spared: counts.spared,
  freedBytes: entry.freedBytes + freedBytes,
  sparedImages: images.flatMap((image) => (image.outcome === 'spared' ? [sparedImage(image, cache)] : [])),
});

/** Why images could not be removed, by image: those that the Job reported, else all of them for the one reason of the entry. */
function causesByImage(entry: RemovalEntry, { result }: Ending, images: readonly string[]): ReadonlyMap<string, Cause> {
  if (entry.state !== 'Failed') return new Map();
  const { reason, message } = entry;
  const failed = (result?.images ?? []).filter((image) => image.outcome === 'failed');
  return failed.length > 0
    ? new Map(failed.map((image) => [image.image, { reason: 'RemovalFailed', message: image.message }]))
    : new Map(images.map((image) => [image, { reason, message }]));
}

/** Drops the names of spared images that do not fit into the status, in bytes of JSON; their number stays. */
function boundedSparedImages(removals: Status['removals']): Status['removals'] {
  let bytesLeft = 64 * 1024;
  return Object.fromEntries(
    Object.entries(removals).map(([name, entry]) => {
      const sparedImages = entry.sparedImages.filter((spared) => (bytesLeft -= JSON.stringify(spared).length) >= 0);
      return [name, { ...entry, sparedImages }];
    }),
  );
}
