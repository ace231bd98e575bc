import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { JobToRemove } from '#model/plan.ts';
import { jobName, jobsDue } from './job-set.ts';
import { oneOfEach } from '#model/text/interned.ts';
import { mountsImages } from '#model/job/pull-container.ts';
import { pulling as pullingPod, pullJob, type PullJob, type Pulling as PullingPod } from './pull-job.ts';
import { retainedJobs } from './retained-jobs.ts';
import type { WantedByHash } from './sync-ledger.ts';
import type { Wanted } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';
import { own } from '#model/text/own-entry.ts';

/** The Jobs of claimed nodes that are known not to be there: just claimed, next in turn, or missing although all Jobs were seen. */
export function jobsToCreate(world: World, cache: ImageCache, wanted: WantedByHash): readonly PullJob[] {
  const share = oneOfEach<PullingPod>();
  const { observed, settings } = world;
  return pulling(cache, wanted).flatMap(({ name, entry, want }) => {
    const node = observed.nodes.get(name);
    if (node === undefined) return [];
    const way = mountsImages(entry, node) ? 'mounts' : 'copies';
    const isNew = isJustClaimed(name, entry, world, cache);
    const before = isNew ? new Set<string>() : new Set(namesDue(own(world.cache.status.nodes, name), want, world));
    const missing = jobsDue(entry, want, cache, settings).filter((indexes) => {
      const job = jobName(cache, entry, indexes);
      return !observed.jobs.has(job) && (observed.hasAllJobs || !before.has(job));
    });
    return missing.map((indexes) => {
      const order = { cache, node, entry, wanted: want, indexes, settings, runAsUser: observed.runAsUser };
      return pullJob(
        order,
        share(`${way} ${entry.want} ${indexes.join()}`, () => pullingPod(order)),
      );
    });
  });
}

/** The names of the Jobs that were due before this decision: they were made then. */
function namesDue(entry: LedgerEntry | undefined, want: Wanted, { cache, settings }: World): readonly string[] {
  if (entry === undefined) return [];
  return jobsDue(entry, want, cache, settings).map((indexes) => jobName(cache, entry, indexes));
}

/** A node whose attempt this very plan claims: no Job of it can exist. */
function isJustClaimed(name: string, entry: LedgerEntry, { cache: before }: World, cache: ImageCache): boolean {
  const last = own(before.status.nodes, name);
  return (
    last?.state !== 'Pulling' ||
    last.attempt !== entry.attempt ||
    last.id !== entry.id ||
    last.want !== entry.want ||
    before.status.round?.number !== cache.status.round?.number
  );
}

/** The Jobs that were seen and serve no purpose any more: recorded, superseded, or of a node that is gone. Their results are not read. */
export function jobsToRemove(world: World, cache: ImageCache, wanted: WantedByHash): readonly JobToRemove[] {
  const needed = new Set(
    pulling(cache, wanted).flatMap(({ entry, want }) =>
      jobsDue(entry, want, cache, world.settings).map((indexes) => jobName(cache, entry, indexes)),
    ),
  );
  const unjudged = new Set(
    Object.values(cache.status.nodes).flatMap((entry) => (wanted.has(entry.want) ? [] : [entry.id])),
  );
  const retained = retainedJobs(world, cache, wanted);
  return [...world.observed.jobs].flatMap(([name, view]) => {
    const uid = view.job?.uid ?? view.pod?.jobUid;
    const isLeft = needed.has(name) || unjudged.has(view.job?.nodeId ?? view.pod?.nodeId ?? '') || retained.has(name);
    return uid === undefined || isLeft || view.job?.isBeingDeleted === true ? [] : [{ name, uid }];
  });
}

type Pulling = { readonly name: string; readonly entry: LedgerEntry; readonly want: Wanted };

function pulling(cache: ImageCache, wanted: WantedByHash): readonly Pulling[] {
  return Object.entries(cache.status.nodes).flatMap(([name, entry]) => {
    const want = wanted.get(entry.want);
    return entry.state === 'Pulling' && want !== undefined ? [{ name, entry, want }] : [];
  });
}
