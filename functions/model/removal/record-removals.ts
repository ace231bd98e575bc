import type { Cause } from '#model/cache/cause.ts';
import type { ContainerStatus, Pod, Job, JobView } from '#model/job/job.ts';
import { podCreationGrace, removalDeadline } from '#model/job/job-times.ts';
import { type RemovalResult, parseRemovalResult } from './removal-result.ts';
import { withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, type Status, isPurged, withStatus } from '#model/cache/image-cache.ts';
import { maxAttempts } from '#model/cache/ledger.ts';
import { type RemovalEntry, failedRemovalEntry } from '#model/cache/removal-ledger.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { removalJobName } from './removal-job.ts';

/** The outcome of a removal Job so far. */
export type RemovalVerdict =
  | { readonly type: 'running' }
  | { readonly type: 'finished'; readonly result: RemovalResult }
  /** Ended without a result for a reason that is not its own: evicted, deleted, its node shut down. */
  | { readonly type: 'lost' }
  | { readonly type: 'failed'; readonly cause: Cause };

/** `deadline` is how long the Pod may take to start, and again how long it may run, in milliseconds. */
export type RemovalEvidence = { readonly view: JobView; readonly deadline: number; readonly now: number };

export function evaluateRemoval({ view: { job, pod }, deadline, now }: RemovalEvidence): RemovalVerdict {
  if (pod !== undefined) return evaluatePod(pod, deadline, now);
  if (job === undefined) return { type: 'lost' };
  return evaluatePodless(job, deadline, now);
}

function evaluatePodless(job: Job, deadline: number, now: number): RemovalVerdict {
  if (job.outcome === 'Complete' || job.outcome === 'Failed' || job.isBeingDeleted) return { type: 'lost' };
  const age = now - job.createdAt;
  if (job.podRefused !== '' && age >= podCreationGrace) return failed('FailedCreate', job.podRefused);
  return age < deadline ? { type: 'running' } : failed('Pending', 'The Job has no Pod, and no Event says why');
}

function evaluatePod(pod: Pod, deadline: number, now: number): RemovalVerdict {
  const [container] = pod.containers;
  const result = container?.state === 'terminated' ? parseRemovalResult(container.message) : undefined;
  if (result !== undefined) return { type: 'finished', result };
  if (pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded')
    return { type: 'lost' };
  if (now < (pod.startedAt ?? pod.createdAt) + deadline) return { type: 'running' };
  return { type: 'failed', cause: lateCause(pod, container) };
}

/** Why the Pod did not finish in time, in the kubelet's words: a removal image that cannot be pulled, for example. */
function lateCause(pod: Pod, container: ContainerStatus | undefined): Cause {
  if (container?.state === 'waiting' && container.reason !== '')
    return { reason: container.reason, message: `The removal Pod cannot start: ${container.message}` };
  if (container?.state === 'running')
    return { reason: 'DeadlineExceeded', message: 'The removal Pod has not ended in time' };
  return { reason: 'Pending', message: pod.unschedulable || 'Check if node is ready' };
}

const failed = (reason: string, message: string): RemovalVerdict => ({ type: 'failed', cause: { reason, message } });

type EndedVerdict = Exclude<RemovalVerdict, { type: 'running' }>;

/** Records the results of all observed removal Jobs: in the removal ledger and, for a purge, in the failures. */
export function recordRemovals(world: World, cache: ImageCache): ImageCache {
  const removals = { ...cache.status.removals };
  let { failures } = cache.status;
  for (const [name, entry] of Object.entries(removals)) {
    const verdict = entry.state === 'Removing' ? verdictOf(entry, world, cache) : undefined;
    if (verdict === undefined || verdict.type === 'running') continue;
    const recorded = recordedEntry(entry, verdict, world.now);
    removals[name] = recorded;
    if (!isPurged(cache)) continue;
    const images = ownEntry(cache.status.toRemove, entry.imagesHash) ?? [];
    failures = recordFailures(failures, name, causesOf(recorded, verdict, images));
  }
  return withStatus(cache, { removals: boundedSparedImages(removals), failures });
}

function verdictOf(entry: RemovalEntry, world: World, cache: ImageCache): RemovalVerdict | undefined {
  const { observed, settings, now } = world;
  const name = removalJobName(cache, entry);
  if (observed.removals.goneJobs.has(name)) return { type: 'lost' };
  const view = observed.removals.jobs.get(name);
  return view === undefined ? undefined : evaluateRemoval({ view, deadline: removalDeadline(settings), now });
}

/** An interrupted or incomplete removal is retried up to `maxAttempts`; one that could not start fails at once. */
function recordedEntry(entry: RemovalEntry, verdict: EndedVerdict, now: number): RemovalEntry {
  const counted = verdict.type === 'finished' ? withCounts(entry, verdict.result) : entry;
  const cause = causeOf(verdict);
  if (cause === undefined) return { ...counted, state: 'Removed', reason: '', message: '' };
  const isLastAttempt = entry.attempt >= (verdict.type === 'failed' ? 1 : maxAttempts);
  if (!isLastAttempt) return { ...counted, state: 'Pending' };
  return failedRemovalEntry(counted, cause, now);
}

function causeOf(verdict: EndedVerdict): Cause | undefined {
  if (verdict.type === 'failed') return verdict.cause;
  if (verdict.type === 'lost') return { reason: 'JobLost', message: 'The removal Job was deleted before it ended' };
  const { error, counts, images } = verdict.result;
  if (error !== '') return { reason: 'RuntimeUnreachable', message: error };
  if (counts.failed === 0) return undefined;
  const first = images.find((image) => image.outcome === 'failed');
  return { reason: 'RemovalFailed', message: first === undefined ? '' : `${first.image}: ${first.message}` };
}

/** Adds to what earlier attempts removed. */
function withCounts(entry: RemovalEntry, { counts, freedBytes, images }: RemovalResult): RemovalEntry {
  return {
    ...entry,
    removed: entry.removed + counts.removed,
    absent: Math.max(0, counts.absent - entry.removed),
    spared: counts.spared,
    freedBytes: entry.freedBytes + freedBytes,
    sparedImages: images.flatMap((image) =>
      image.outcome === 'spared' ? [{ image: image.image, reason: image.reason, by: image.by }] : [],
    ),
  };
}

/** Why images could not be removed, by image: those the Job reported, or else all of them for the one reason of the entry. */
function causesOf(entry: RemovalEntry, verdict: RemovalVerdict, images: readonly string[]): ReadonlyMap<string, Cause> {
  if (entry.state !== 'Failed') return new Map();
  const outcomes = verdict.type === 'finished' ? verdict.result.images : [];
  const failed = outcomes.flatMap((outcome) =>
    outcome.outcome === 'failed'
      ? [[outcome.image, { reason: 'RemovalFailed', message: outcome.message }] as const]
      : [],
  );
  const { reason, message } = entry;
  return new Map(failed.length > 0 ? failed : images.map((image) => [image, { reason, message }]));
}

const recordFailures = (failures: Failures, node: string, causes: ReadonlyMap<string, Cause>): Failures =>
  causes.size === 0 ? withoutNode(failures, node) : withNode(failures, { node, causes });

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
