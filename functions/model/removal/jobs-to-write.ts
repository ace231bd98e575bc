import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Job, Pod } from '#model/job/job.ts';
import { criSocket } from '#model/node/node.ts';
import type { JobToDelete } from '#model/plan.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { imagesToKeep, waitsForOtherCaches } from './kept-images.ts';
import { type RemovalJob, removalJob, removalJobName } from './removal-job.ts';

/** The removal Jobs that are known to be missing: just started, or absent although all were observed. */
export function removalJobsToCreate(world: World, next: ImageCache): readonly RemovalJob[] {
  const { observed } = world;
  if (!observed.removals.hasAll) return [];
  const settings = { ...world.settings, serviceAccountName: observed.removals.serviceAccountName };
  return Object.entries(next.status.removals).flatMap(([name, entry]) => {
    const node = observed.nodes.get(name);
    if (entry.state !== 'Removing' || node?.id !== entry.id) return [];
    if (observed.removals.jobs.has(removalJobName(next, entry))) return [];
    const socket = criSocket(node, settings);
    const remove = ownEntry(next.status.toRemove, entry.imagesHash) ?? [];
    if (socket === undefined || waitsForOtherCaches(node, remove, world)) return [];
    const removal = { remove, keep: imagesToKeep({ node, remove }, world, next), purge: settings.purge };
    return [removalJob({ cache: next, node, socket, entry, removal, settings })];
  });
}

/** Running removal Jobs that no entry needs any more; those that have ended are deleted by their TTL. */
export function removalJobsToDelete({ observed }: World, next: ImageCache): readonly JobToDelete[] {
  const needed = new Set(
    Object.values(next.status.removals)
      .filter(({ state }) => state === 'Removing')
      .map((entry) => removalJobName(next, entry)),
  );
  return [...observed.removals.jobs].flatMap(([name, { job, pod }]) => {
    const uid = job?.uid ?? pod?.jobUid;
    const isKept = needed.has(name) || hasEnded(job, pod) || job?.isBeingDeleted === true;
    return uid === undefined || isKept ? [] : [{ name, uid }];
  });
}

/** The container reports its result a second before the kubelet reports the end of the Pod. */
function hasEnded(job: Job | undefined, pod: Pod | undefined): boolean {
  const hasResult = pod?.containers.some(({ state }) => state === 'terminated') === true;
  return job?.outcome === 'Complete' || job?.outcome === 'Failed' || hasResult;
}
