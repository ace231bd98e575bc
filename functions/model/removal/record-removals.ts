import type { Cause } from '#model/cache/cause.ts';
import { withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, type Status, isPurged, withStatus } from '#model/cache/image-cache.ts';
import { maxAttempts } from '#model/cache/ledger.ts';
import { type RemovalEntry, failedRemovalEntry } from '#model/cache/removal-ledger.ts';
import { removalDeadline } from '#model/job/job-times.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { type RemovalVerdict, evaluateRemoval } from './evaluate-removal.ts';
import { removalJobName } from './removal-job.ts';
import type { RemovalResult } from './removal-result.ts';

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
