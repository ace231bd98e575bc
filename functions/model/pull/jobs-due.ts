import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { JobToDelete } from '#model/plan.ts';
import { jobName, jobsDue } from './job-set.ts';
import { interned } from '#model/text/interned.ts';
import { mountsImages } from '#model/job/pull-container.ts';
import { pulling as pullingPod, pullJob, type PullJob, type Pulling as PullingPod } from './pull-job.ts';
import { retainedJobs } from './retained-jobs.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** The Jobs of claimed nodes that are known not to be there: just claimed, next in turn, or missing although all Jobs were seen. */
export function jobsToCreate(world: World, cache: ImageCache, wanted: DesiredByHash): readonly PullJob[] {
  const share = interned<PullingPod>();
  const { observed, settings } = world;
  return pulling(cache, wanted).flatMap(({ name, entry, want }) => {
    const node = observed.nodes.get(name);
    if (node === undefined) return [];
    const way = mountsImages(entry, node) ? 'mounts' : 'copies';
    const isNew = isJustClaimed(name, entry, world, cache);
    const before = isNew
      ? new Set<string>()
      : new Set(namesDue(ownEntry(world.before.status.nodes, name), want, world));
    const missing = jobsDue(entry, want, cache, settings).filter((indexes) => {
      const job = jobName(cache, entry, indexes);
      return !observed.jobs.has(job) && (observed.hasAllJobs || !before.has(job));
    });
    return missing.map((indexes) => {
      const order = { cache, node, entry, wanted: want, indexes, settings, runAsUser: observed.runAsUser };
      return pullJob(
        order,
        share(`${way} ${entry.desiredHash} ${indexes.join()}`, () => pullingPod(order)),
      );
    });
  });
}

/** The names of the Jobs that were due before this decision: they were made then. */
function namesDue(entry: LedgerEntry | undefined, want: DesiredImages, { before, settings }: World): readonly string[] {
  if (entry === undefined) return [];
  return jobsDue(entry, want, before, settings).map((indexes) => jobName(before, entry, indexes));
}

/** A node whose attempt this very plan claims: no Job of it can exist. */
function isJustClaimed(name: string, entry: LedgerEntry, { before }: World, cache: ImageCache): boolean {
  const last = ownEntry(before.status.nodes, name);
  return (
    last?.state !== 'Pulling' ||
    last.attempt !== entry.attempt ||
    last.id !== entry.id ||
    last.desiredHash !== entry.desiredHash ||
    before.status.round?.number !== cache.status.round?.number
  );
}

/** The Jobs that were seen and serve no purpose any more: recorded, superseded, or of a node that is gone. Their results are not read. */
export function jobsToDelete(world: World, cache: ImageCache, wanted: DesiredByHash): readonly JobToDelete[] {
  const needed = new Set(
    pulling(cache, wanted).flatMap(({ entry, want }) =>
      jobsDue(entry, want, cache, world.settings).map((indexes) => jobName(cache, entry, indexes)),
    ),
  );
  const unjudged = new Set(
    Object.values(cache.status.nodes).flatMap((entry) => (wanted.has(entry.desiredHash) ? [] : [entry.id])),
  );
  const retained = retainedJobs(world, cache, wanted);
  return [...world.observed.jobs].flatMap(([name, view]) => {
    const uid = view.job?.uid ?? view.pod?.jobUid;
    const isLeft = needed.has(name) || unjudged.has(view.job?.nodeId ?? view.pod?.nodeId ?? '') || retained.has(name);
    return uid === undefined || isLeft || view.job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });
}

type Pulling = { readonly name: string; readonly entry: LedgerEntry; readonly want: DesiredImages };

function pulling(cache: ImageCache, wanted: DesiredByHash): readonly Pulling[] {
  return Object.entries(cache.status.nodes).flatMap(([name, entry]) => {
    const want = wanted.get(entry.desiredHash);
    return entry.state === 'Pulling' && want !== undefined ? [{ name, entry, want }] : [];
  });
}
