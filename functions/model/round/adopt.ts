import { annotations } from '#model/cache/api.ts';
import type { Cause } from '#model/cache/cause.ts';
import { withNode } from '#model/cache/failures.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { type LedgerEntry, newEntry } from '#model/cache/ledger.ts';
import type { Observed } from '#model/observed.ts';
import { withPlacements } from '#model/desired/placements.ts';
import { nextRefresh } from './refresh-time.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImages } from '#model/desired/desired-images.ts';
import { keepsPullRecords } from '#model/node/node.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** Adopts a cache of kube-fledged with the status it has: no round opens and no image is pulled again. */
export function adopt(world: Adoption): ImageCache {
  const { before, observed, settings, now } = world;
  const isPurged = before.status.reason === 'ImageCachePurge';
  const hasPulledNothing = before.status.status === 'NoImagesPulledOrDeleted';
  const status: Status = {
    ...before.status,
    completionTime: before.status.completionTime ?? now,
    observedGeneration: before.generation,
    ...(isPurged ? {} : { failures: {} }),
    ...(isPurged || hasPulledNothing ? { nodes: {} } : adoptedLedger(before, observed, settings)),
    placements: isPurged ? [] : withPlacements(before),
    lastHandledRefreshAt: before.annotations[annotations.refreshRequestedAt] ?? '',
    lastHandledPurgeAt: before.annotations[annotations.purgeRequestedAt] ?? '',
    nextRefreshTime: isPurged ? undefined : nextRefresh(before, world),
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

/** Every node counts as holding its images, except those that kube-fledged reports as failed, by hostname. Where it matched no node, none does. */
function adoptedLedger(cache: ImageCache, observed: Observed, settings: Settings): Pick<Status, 'nodes' | 'failures'> {
  const nodes: Record<string, LedgerEntry> = {};
  let failures: Status['failures'] = {};
  for (const [name, node] of observed.nodes) {
    const desired = node === undefined ? undefined : desiredImages(cache, node, settings);
    if (node === undefined || desired === undefined) continue;
    const hostname = node.labels['kubernetes.io/hostname'] ?? name;
    const causeOf = (image: string): Cause | undefined =>
      ownEntry(cache.status.failures, image)?.find((failure) => failure.node === hostname);
    const causes = desired.images.flatMap((image, index) => {
      const cause = causeOf(image);
      return cause === undefined ? [] : [{ image, index, cause }];
    });
    const state = causes.length > 0 ? 'Failed' : 'Ready';
    const locks = keepsPullRecords(node) ? {} : { lockedImages: [] };
    nodes[name] = {
      ...newEntry(node.id, desired.hash),
      ...locks,
      state,
      failedImages: causes.map(({ index }) => index),
    };
    failures = withNode(failures, { node: name, causes: new Map(causes.map(({ image, cause }) => [image, cause])) });
  }
  return { nodes, failures };
}
