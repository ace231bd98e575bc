import { withNode, withoutNode, type Cause } from '#model/cache/failures.ts';
import { type ImageCache, type Status, isPurged } from '#model/cache/image-cache.ts';
import { maxAttempts } from '#model/cache/ledger.ts';
import { removalJobName } from './removal-job.ts';
import type { RemovalEntry } from '#model/cache/removal-ledger.ts';
import type { RemovalResult } from './removal-result.ts';
import { evaluateRemoval, type RemovalVerdict } from './evaluate-removal.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** The status with the accounts of all removal Jobs that have come to an end. */
export function recordRemovals(world: World, cache: ImageCache): Status {
  const removals = { ...cache.status.removals };
  let { failures } = cache.status;
  for (const [name, entry] of Object.entries(removals)) {
    const verdict = entry.state === 'Removing' ? verdictOf(entry, world, cache) : undefined;
    if (verdict === undefined || verdict.type === 'open') continue;
    const ended = concluded(entry, verdict);
    removals[name] = ended;
    if (isPurged(cache)) {
      const images = ownEntry(cache.status.toRemove, entry.imagesHash) ?? [];
      const causes = ended.state === 'Failed' ? causesOf(verdict, ended, images) : new Map<string, Cause>();
      failures = causes.size === 0 ? withoutNode(failures, name) : withNode(failures, { node: name, causes });
    }
  }
  return { ...cache.status, removals: boundedSpared(removals), failures };
}

function verdictOf(entry: RemovalEntry, { observed, settings, now }: World, cache: ImageCache) {
  const name = removalJobName(cache, entry);
  if (observed.removals.goneJobs.has(name)) return { type: 'lost' } as const;
  const view = observed.removals.jobs.get(name);
  return view === undefined ? undefined : evaluateRemoval({ view, deadline: settings.imagePullDeadline, now });
}

/** A removal that was cut short or could not do all is tried again, a few times. */
function concluded(entry: RemovalEntry, verdict: Exclude<RemovalVerdict, { type: 'open' }>): RemovalEntry {
  const told = verdict.type === 'done' ? accounted(entry, verdict.result) : entry;
  const cause = causeOf(verdict);
  if (cause === undefined) return { ...told, state: 'Removed', reason: '', message: '' };
  const isFinal = entry.attempt >= (verdict.type === 'failed' ? 1 : maxAttempts);
  return isFinal
    ? { ...told, state: 'Failed', reason: cause.reason, message: cause.message.slice(0, 256) }
    : { ...told, state: 'Pending' };
}

function causeOf(verdict: Exclude<RemovalVerdict, { type: 'open' }>): Cause | undefined {
  if (verdict.type === 'failed') return verdict.cause;
  if (verdict.type === 'lost')
    return { reason: 'JobLost', message: `The removal Job was taken away ${maxAttempts} times before it ended` };
  const { error, counts, images } = verdict.result;
  if (error !== '') return { reason: 'RuntimeUnreachable', message: error };
  if (counts.failed === 0) return undefined;
  const first = images.find((image) => image.outcome === 'failed');
  return { reason: 'RemovalFailed', message: first === undefined ? '' : `${first.image}: ${first.message}` };
}

/** What an earlier attempt has freed counts as well. */
function accounted(entry: RemovalEntry, { counts, freedBytes, images }: RemovalResult): RemovalEntry {
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

function causesOf(
  verdict: RemovalVerdict,
  { reason, message }: RemovalEntry,
  images: readonly string[],
): ReadonlyMap<string, Cause> {
  const told = verdict.type === 'done' ? verdict.result.images : [];
  const failed = told.flatMap((each) =>
    each.outcome === 'failed' ? [[each.image, { reason: 'RemovalFailed', message: each.message }] as const] : [],
  );
  return new Map(failed.length > 0 ? failed : images.map((image) => [image, { reason, message }]));
}

/** Leaves out which images were spared, and why, where all of it is too long for a status; how many stays told. */
function boundedSpared(removals: Status['removals']): Status['removals'] {
  let room = 64 * 1024;
  return Object.fromEntries(
    Object.entries(removals).map(([name, entry]) => {
      const sparedImages = entry.sparedImages.filter((spared) => (room -= JSON.stringify(spared).length) >= 0);
      return [name, { ...entry, sparedImages }];
    }),
  );
}
