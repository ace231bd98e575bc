import { annotations } from '#model/cache/api.ts';
import type { Condition, ImageCache, Status } from '#model/cache/image-cache.ts';
import { type Ledger, newEntry } from '#model/cache/ledger.ts';
import type { Observed } from '#model/observed.ts';
import { withPlacements } from '#model/desired/placements.ts';
import { nextRefresh } from './refresh-time.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImages } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** Adopts a cache of kube-fledged with the status it has: no round opens and no image is pulled again. */
export function adopt(world: Adoption): ImageCache {
  const { before, observed, settings, now } = world;
  const isPurged = before.status.reason === 'ImageCachePurge';
  const status: Status = {
    ...before.status,
    ...(before.status.status === 'Processing' ? interruptedPurge(now) : {}),
    observedGeneration: before.generation,
    nodes: isPurged ? {} : adoptedLedger(before, observed, settings),
    placements: isPurged ? [] : withPlacements(before),
    lastHandledRefreshAt: before.annotations[annotations.refreshRequestedAt] ?? '',
    lastHandledPurgeAt: before.annotations[annotations.purgeRequestedAt] ?? '',
    nextRefreshTime: isPurged ? undefined : nextRefresh(before, world),
    conditions: conditionsOf(before, isPurged, now),
    round: {
      number: 0,
      operation: isPurged ? 'Purge' : 'Create',
      trigger: 'Adopted',
      generation: before.generation,
      startTime: now,
      requestedBy: undefined,
    },
  };
  return { ...before, status };
}

type Adoption = Pick<World, 'before' | 'observed' | 'settings' | 'scheduled' | 'now'>;

/** Every node counts as holding its images, except those that kube-fledged reports as failed. */
function adoptedLedger(cache: ImageCache, observed: Observed, settings: Settings): Ledger {
  const entries = [...observed.nodes].flatMap(([name, node]) => {
    const desired = node === undefined ? undefined : desiredImages(cache, node, settings);
    if (node === undefined || desired === undefined) return [];
    const hostname = node.labels['kubernetes.io/hostname'] ?? name;
    const failed = desired.images.flatMap((image, index) =>
      ownEntry(cache.status.failures, image)?.some((failure) => failure.node === hostname) === true ? [index] : [],
    );
    const state = failed.length > 0 ? 'Failed' : 'Ready';
    return [[name, { ...newEntry(node.id, desired.hash), state, failedImages: failed }] as const];
  });
  return Object.fromEntries(entries);
}

/** kube-fledged's own status for work that it did not finish. */
function interruptedPurge(now: number): Pick<Status, 'status' | 'completionTime'> {
  return { status: 'Aborted', completionTime: now };
}

function conditionsOf(cache: ImageCache, isPurged: boolean, now: number): readonly Condition[] {
  const since = { message: '', observedGeneration: cache.generation, lastTransitionTime: now };
  const hasFailed = cache.status.status === 'Failed';
  const ready = isPurged ? 'Purged' : hasFailed ? 'PullFailed' : 'AllImagesPresent';
  return [
    { type: 'Ready', status: isPurged || hasFailed ? 'False' : 'True', reason: ready, ...since },
    { type: 'Reconciling', status: 'False', reason: 'Adopted', ...since },
    { type: 'Stalled', status: hasFailed ? 'True' : 'False', reason: hasFailed ? 'PullFailed' : 'Ok', ...since },
  ];
}
