import type { CacheReference, Notice } from '#model/cache/cloud-event.ts';
import { finalizer } from '#model/cache/api.ts';
import { isRoundOpen, type ImageCache, isPurged, type Status } from '#model/cache/image-cache.ts';
import { mayOpen, nextRound } from '#model/round/next-round.ts';
import { isRetryDue, keepsRemoved, unsettledRemovals } from '#model/cache/removal-ledger.ts';
import { isJobEnded } from '#model/job/job.ts';
import { retainsJobs } from '#model/job/job-times.ts';
import { outdatedRemovals } from '#model/removal/removal-job.ts';
import { drive } from '#runtime/drive/drive.ts';
import { driveInTick, tickDriver } from './tick.ts';
import { isolated } from '#runtime/log-failure.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { namesIn, queryFor } from '#runtime/drive/observe.ts';
import type { Query } from '#model/observed.ts';

const opens = ['Purge'] as const;
const makes = 'removals';

/**
 * Removes images from nodes: of caches that are purged or deleted, of lists removed from a spec, of nodes that left a selector.
 * Only this function creates removal Jobs and manages the finalizer; the others only record in the status which images to remove.
 */
export const purge: Handler = async (notice, context) => {
  if (notice.type === 'tick') {
    await onTick(context);
    return;
  }
  if (notice.cache === undefined || (notice.object.kind === 'ImageCache' && notice.verb === 'delete')) return;
  const status = await drive(
    { cache: notice.cache, query: (live) => queryForRemoval(notice, live, context.now()), opens, makes },
    context,
  );
  if (notice.isRemoval === true && !isRemoving(status)) await driveWaiting(notice.cache, context);
};

const isRemoving = (status: Status | undefined): boolean =>
  Object.values(status?.removals ?? {}).some(({ state }) => state === 'Removing');

/** How many caches are tried when one has ended its removals: others are driven when the next has ended, or by the tick. */
const maxTries = 5;

/** Drives caches whose removals wait, as those of another cache had to end first, until one of them has started. */
async function driveWaiting(ended: CacheReference, context: Context): Promise<void> {
  const caches = await context.cluster.caches();
  const waiting = caches
    .filter(({ status, name, namespace }) => {
      const isOther = name !== ended.name || namespace !== ended.namespace;
      return isOther && !isRemoving(status) && unsettledRemovals(status).length > 0;
    })
    .toSorted((a, b) => (a.status.startTime ?? 0) - (b.status.startTime ?? 0));
  for (const cache of waiting.slice(0, maxTries))
    if (isRemoving(await drive({ cache, query: () => 'everything', opens, makes }, context))) return;
}

/** Resumes removals and enforces their deadlines. Jobs are listed too: no status shows a running Job that its cache gave up, and it must not run beside a pull. */
async function onTick(context: Context): Promise<void> {
  const { cluster, settings } = context;
  const [{ caches, unreadable }, jobs] = await Promise.all([
    cluster.listCaches(),
    cluster.removals(settings.namespace),
  ]);
  const running = new Set(jobs.filter((job) => !isJobEnded(job)).map(({ cacheUid }) => cacheUid));
  const due = caches.filter((cache) => running.has(cache.uid) || isDue(cache, context.now()));
  const driveOne = (cache: ImageCache) =>
    drive({ cache, query: () => 'everything', opens, makes, sharesNodes: true }, context);
  await driveInTick(due, driveOne, tickDriver(context), context);
  const all = [...caches, ...unreadable.map(({ placeholder }) => placeholder)];
  const retaining = new Set(all.filter((cache) => retainsJobs(cache, settings)).map(({ uid }) => uid));
  for (const job of outdatedRemovals(jobs, retaining, context.now()))
    await isolated({ cache: job.name }, () => cluster.deleteJob(settings.namespace, job), context);
}

function queryForRemoval(notice: Notice, cache: ImageCache, now: number): Query {
  if (notice.type === 'change' && notice.object.kind !== 'ImageCache') return queryFor(notice, cache, now);
  if (hasWork(cache, now)) return 'everything';
  // An event of the cache may report a Job that nothing waits for any more: it is deleted.
  return notice.type === 'change' && notice.isRemoval === true && notice.changed !== undefined
    ? namesIn(notice.changed)
    : 'pending';
}

function isDue(cache: ImageCache, now: number): boolean {
  const request = nextRound(cache, now);
  const needsFinalizer = cache.spec.deletionPolicy === 'Purge';
  const hasWrongFinalizer =
    cache.finalizers.includes(finalizer) !== needsFinalizer && !(cache.isBeingDeleted && needsFinalizer);
  return hasWrongFinalizer || hasWork(cache, now) || (request !== undefined && mayOpen(request, opens));
}

/** Whether images are to be removed, or the finalizer of a deleted cache is. */
const hasWork = (cache: ImageCache, now: number): boolean =>
  unsettledRemovals(cache.status).length > 0 ||
  Object.entries(cache.status.removals).some(
    ([name, entry]) => isRetryDue(entry, now) && !keepsRemoved(cache.status, name),
  ) ||
  (isPurged(cache) && isRoundOpen(cache.status)) ||
  (cache.isBeingDeleted && cache.finalizers.includes(finalizer));
