import type { ImageCache } from './image-cache.ts';
import type { LedgerEntry } from './ledger.ts';
import type { JobToRemove } from './plan.ts';
import { jobName, jobSet } from './job-set.ts';
import { oneOfEach } from './one-of-each.ts';
import { mountsImages } from './pull-container.ts';
import { pulling as pullingPod, pullJob, type PullJob, type Pulling as PullingPod } from './pull-job.ts';
import { judge, type JobView } from './pull-result.ts';
import { retainedJobs } from './retained-jobs.ts';
import type { WantedByHash } from './survey.ts';
import type { Wanted } from './wanted.ts';
import type { World } from './world.ts';
import { own } from './own.ts';

/**
 * The Jobs of claimed nodes that are known not to be there: just claimed, or missing although all Jobs were seen.
 * A node has as many at once as `pullsPerNode` says; the others follow when those have ended.
 */
export function jobsToCreate(world: World, cache: ImageCache, wanted: WantedByHash): readonly PullJob[] {
  const share = oneOfEach<PullingPod>();
  return pulling(cache, wanted).flatMap(({ name, entry, want }) => {
    const node = world.observed.nodes.get(name);
    if (node === undefined) return [];
    const way = mountsImages(entry, node) ? 'mounts' : 'copies';
    const jobs = jobSet(entry, want, cache, world.settings).map((indexes) => ({
      indexes,
      job: jobName(cache, entry, indexes),
    }));
    const isNew = isJustClaimed(name, entry, world, cache);
    const missing = jobs.filter(
      ({ job }) => !world.observed.jobs.has(job) && (isNew || world.observed.hasAllJobs || isSibling(jobs, world)),
    );
    const alive = jobs.filter(({ job, indexes }) =>
      isAlive(world.observed.jobs.get(job), { world, cache, entry, want, indexes, name }),
    );
    const room = Math.max(0, cache.spec.pullsPerNode - alive.length);
    return missing.slice(0, room).map(({ indexes }) => {
      const { settings } = world;
      const order = { cache, node, entry, wanted: want, indexes, settings, runAsUser: world.observed.runAsUser };
      return pullJob(
        order,
        share(`${way} ${entry.want} ${indexes.join()}`, () => pullingPod(order)),
      );
    });
  });
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

/** Where one Job of a node was read, all of them were. */
const isSibling = (jobs: readonly { readonly job: string }[], { observed }: World): boolean =>
  jobs.some(({ job }) => observed.jobs.has(job));

type Standing = {
  readonly world: World;
  readonly cache: ImageCache;
  readonly entry: LedgerEntry;
  readonly want: Wanted;
  readonly indexes: readonly number[];
  readonly name: string;
};

function isAlive(view: JobView | undefined, { world, cache, entry, want, indexes, name }: Standing): boolean {
  if (view === undefined) return false;
  const { observed, settings, now } = world;
  return (
    judge({ view, indexes, wanted: want, entry, cache, node: observed.nodes.get(name), settings, now }).type === 'open'
  );
}

/** The Jobs that were seen and serve no purpose any more: recorded, superseded, or of a node that is gone. Their results are not read. */
export function jobsToRemove(world: World, cache: ImageCache, wanted: WantedByHash): readonly JobToRemove[] {
  const needed = new Set(
    pulling(cache, wanted).flatMap(({ entry, want }) =>
      jobSet(entry, want, cache, world.settings).map((indexes) => jobName(cache, entry, indexes)),
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
