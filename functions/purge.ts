import type { Notice } from '#model/cache/cloud-event.ts';
import { finalizer } from '#model/cache/api.ts';
import { isRoundOpen, type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { mayOpen, nextRound } from '#model/round/next-round.ts';
import { isRemovalUnsettled } from '#model/cache/removal-ledger.ts';
import { drive } from '#runtime/drive/drive.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { cacheSubject, isolated } from '#runtime/drive/isolated.ts';
import { changedIn, nothingChanged, scopeOf, type Scope } from '#runtime/drive/scope.ts';

const opens = ['Purge'] as const;
const makes = 'removals';

/**
 * Removes images from nodes: of caches that are purged or deleted, of lists that were taken out of a spec, of nodes that left a selector.
 * The one function that makes removal Jobs and holds caches by our finalizer; the others only write into the status what is to go.
 */
export const purge: Handler = async (notice, context) => {
  if (notice.type === 'tick') {
    await onTick(context);
    return;
  }
  if (notice.cache === undefined || (notice.object.kind === 'ImageCache' && notice.verb === 'delete')) return;
  await drive(
    { cache: notice.cache, scope: (live) => scopeOfRemoval(notice, live, context.now()), opens, makes },
    context,
  );
};

/** Resumes what was lost and keeps deadlines. A Job at work that its cache has given up is found by no status, and must not meet a pull. */
async function onTick(context: Context): Promise<void> {
  const { cluster, settings } = context;
  const [caches, jobs] = await Promise.all([cluster.caches(), cluster.removals(settings.namespace)]);
  const atWork = new Set(
    jobs.flatMap(({ outcome, cacheUid }) => (outcome === 'Complete' || outcome === 'Failed' ? [] : [cacheUid])),
  );
  const due = caches.filter((cache) => atWork.has(cache.uid) || isDue(cache, context.now()));
  const driveAll = (cache: ImageCache) => drive({ cache, scope: () => 'everything', opens, makes }, context);
  await Promise.all(due.map(async (cache) => isolated(cacheSubject(cache), () => driveAll(cache), context)));
}

function scopeOfRemoval(notice: Notice, cache: ImageCache, now: number): Scope {
  if (notice.type === 'change' && notice.object.kind !== 'ImageCache') return scopeOf(notice, cache, now);
  if (hasWork(cache)) return 'everything';
  // A Job that came with the cache's own news, and that nothing waits for any more, is to go.
  return notice.type === 'change' && notice.isRemoval === true && notice.changed !== undefined
    ? changedIn(notice.changed)
    : nothingChanged;
}

function isDue(cache: ImageCache, now: number): boolean {
  const request = nextRound(cache, now);
  const wantsHold = cache.spec.deletionPolicy === 'Purge';
  const isMisheld = cache.finalizers.includes(finalizer) !== wantsHold && !(cache.isBeingDeleted && wantsHold);
  return isMisheld || hasWork(cache) || (request !== undefined && mayOpen(request, opens));
}

/** Images are to go, or a cache that wanted them gone is to be let go. */
const hasWork = (cache: ImageCache): boolean =>
  Object.values(cache.status.removals).some(isRemovalUnsettled) ||
  (isPurged(cache) && isRoundOpen(cache.status)) ||
  (cache.isBeingDeleted && cache.finalizers.includes(finalizer));
