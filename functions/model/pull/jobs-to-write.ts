import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { DesiredByHash, DesiredImages } from '#model/desired/desired-images.ts';
import { mountsImages } from '#model/job/job-pod.ts';
import type { JobToDelete } from '#model/plan.ts';
import { interned } from '#model/text/hash.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { jobName, jobsDue } from './attempt.ts';
import { type PullJob, pullJob, type PullingPod, pullingPod } from './pull-job.ts';
import { retainedJobs } from './retained-jobs.ts';

/** The Jobs of started nodes that are known to be missing: just started, next in turn, or absent although all Jobs were observed. */
export function jobsToCreate(world: World, next: ImageCache, desired: DesiredByHash): readonly PullJob[] {
  const shared = interned<PullingPod>();
  const { observed, settings, now } = world;
  return pullingNodes(next, desired).flatMap((pulling) => {
    const { name, entry, images } = pulling;
    const node = observed.nodes.get(name);
    if (node === undefined) return [];
    const volume = mountsImages(entry, node) ? 'mounts' : 'copies';
    const existing = isJustStarted(world, next, pulling) ? new Set<string>() : jobsDueBefore(world, pulling);
    const missing = jobsDue({ cache: next, entry, desired: images, settings }).filter((indexes) => {
      const job = jobName(next, entry, indexes);
      return !observed.jobs.has(job) && (observed.hasAllJobs || !existing.has(job));
    });
    return missing.map((indexes) => {
      const { runAsUser } = observed;
      const order = { cache: next, node, entry, desired: images, indexes, settings, runAsUser, now };
      const key = `${volume} ${entry.opening ?? ''} ${entry.desiredHash} ${indexes.join()}`;
      return pullJob(
        order,
        shared(key, () => pullingPod(order)),
      );
    });
  });
}

/** The names of the Jobs that were due before this decision, and were created then. */
function jobsDueBefore({ before, settings }: World, { name, images }: PullingNode): ReadonlySet<string> {
  const entry = ownEntry(before.status.nodes, name);
  if (entry === undefined) return new Set();
  const due = jobsDue({ cache: before, entry, desired: images, settings });
  return new Set(due.map((indexes) => jobName(before, entry, indexes)));
}

/** Whether this plan starts the node's attempt, so that none of its Jobs can exist. */
function isJustStarted({ before }: World, next: ImageCache, { name, entry }: PullingNode): boolean {
  const stored = ownEntry(before.status.nodes, name);
  return (
    stored?.state !== 'Pulling' ||
    stored.attempt !== entry.attempt ||
    stored.opening !== entry.opening ||
    stored.id !== entry.id ||
    stored.desiredHash !== entry.desiredHash ||
    before.status.round?.number !== next.status.round?.number
  );
}

/** The observed Jobs that no node needs any more: recorded, superseded, or of a node that is gone. Their results are not read. */
export function jobsToDelete(world: World, next: ImageCache, desired: DesiredByHash): readonly JobToDelete[] {
  const { settings, observed } = world;
  const needed = new Set(
    pullingNodes(next, desired).flatMap(({ entry, images }) =>
      jobsDue({ cache: next, entry, desired: images, settings }).map((indexes) => jobName(next, entry, indexes)),
    ),
  );
  const retained = retainedJobs(world, next, desired);
  const undecidedNodes = idsWithUnknownImages(next, desired);
  return [...observed.jobs].flatMap(([name, { job, pod }]) => {
    const uid = job?.uid ?? pod?.jobUid;
    const nodeId = job?.nodeId ?? pod?.nodeId ?? '';
    const isKept = needed.has(name) || retained.has(name) || undecidedNodes.has(nodeId);
    return uid === undefined || isKept || job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });
}

/** Ids of nodes whose desired images are not known until all nodes are observed: their Jobs cannot be evaluated yet. */
const idsWithUnknownImages = ({ status }: ImageCache, desired: DesiredByHash): ReadonlySet<string> =>
  new Set(Object.values(status.nodes).flatMap((entry) => (desired.has(entry.desiredHash) ? [] : [entry.id])));

type PullingNode = { readonly name: string; readonly entry: LedgerEntry; readonly images: DesiredImages };

function pullingNodes({ status }: ImageCache, desired: DesiredByHash): readonly PullingNode[] {
  return Object.entries(status.nodes).flatMap(([name, entry]) => {
    const images = desired.get(entry.desiredHash);
    return entry.state === 'Pulling' && images !== undefined ? [{ name, entry, images }] : [];
  });
}
