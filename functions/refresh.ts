import type { Notice } from '#model/cache/cloud-event.ts';
import { decide } from '#model/decide.ts';
import { retainsJobs } from '#model/pull/retained-jobs.ts';
import { isRoundOpen, type ImageCache } from '#model/cache/image-cache.ts';
import { requestsRefresh } from '#model/round/next-round.ts';
import { noObservedRemovals } from '#model/observed-removals.ts';
import type { Node } from '#model/node/node.ts';
import { isEmpty } from '#model/plan.ts';
import { drive } from '#runtime/drive/drive.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { cacheSubject, isolated } from '#runtime/drive/isolated.ts';
import { nodesToRelease, openGatesInTick } from '#runtime/drive/open-gates.ts';
import { recordMissingEvent } from '#runtime/drive/record-missing-event.ts';
import { reportUnreadable } from '#runtime/drive/report-unreadable.ts';
import { worldOf } from '#runtime/drive/world-of.ts';
import { hasOpenWork, isBusy, nothingChanged, type Scope } from '#runtime/drive/scope.ts';

const opens = ['Spec', 'Adopted', 'Annotation', 'Schedule'] as const;

/**
 * The heartbeat: on every tick it opens the refreshes that are due, resumes what was lost and keeps deadlines, so that all stays right
 * with the tick alone, only slower. A cache that asks for a refresh is served at once, or after its open round.
 */
export const refresh: Handler = async (notice, context) => {
  if (notice.type !== 'tick') {
    await onChange(notice, context);
    return;
  }
  const { cluster } = context;
  const [{ caches, unreadable }, nodes] = await Promise.all([cluster.listCaches(), cluster.nodes()]);
  const due = await dueOf(caches, nodes, context);
  const scope = (live: ImageCache): Scope | undefined => (isDriven(live, context.now()) ? undefined : 'everything');
  const driveAll = (cache: ImageCache) => drive({ cache, scope, opens, makes: 'pulls' }, context);
  await Promise.all(due.map(async (cache) => isolated(cacheSubject(cache), () => driveAll(cache), context)));
  await openGatesInTick(nodesToRelease(nodes, caches, context), context);
  for (const cache of unreadable) await isolated(cacheSubject(cache), () => reportUnreadable(cache, context), context);
  for (const cache of caches) await isolated(cacheSubject(cache), () => recordMissingEvent(cache, context), context);
};

/** The caches that have something to do, as far as a look at them, the nodes and the names of Jobs tells. */
async function dueOf(
  caches: readonly ImageCache[],
  nodes: readonly Node[],
  context: Context,
): Promise<readonly ImageCache[]> {
  const isDue = (cache: ImageCache): boolean => hasOpenWork(cache) || isBehind(cache, nodes, context);
  const due = new Set(caches.filter((cache) => !isDriven(cache, context.now()) && isDue(cache)));
  const quiet = new Set(
    caches.filter((cache) => !due.has(cache) && !hasOpenWork(cache) && !retainsJobs(cache, context.settings)),
  );
  if (quiet.size === 0) return [...due];
  const others = caches.filter((cache) => !quiet.has(cache));
  const left = await context.cluster.jobsBut(others.map(({ uid }) => uid));
  const leaving = new Set(left.map(({ cacheUid }) => cacheUid));
  return [...due, ...[...quiet].filter(({ uid }) => leaving.has(uid))];
}

/** Somebody is at it just now: two that write one status are in each other's way, and the next tick comes. */
const isDriven = (cache: ImageCache, now: number): boolean => hasOpenWork(cache) && isBusy(cache, now);

async function onChange(notice: Extract<Notice, { type: 'change' }>, context: Context): Promise<void> {
  if (notice.object.kind !== 'ImageCache' || notice.verb === 'delete' || notice.cache === undefined) return;
  const scope = (live: ImageCache): Scope | undefined => scopeOfChange(live, context.now());
  await drive({ cache: notice.cache, scope, opens: ['Annotation'], makes: 'pulls' }, context);
}

/** Whoever opened a refresh that was asked for may have died since, or not have heard that it was written: its nodes are still as they were. */
function scopeOfChange(cache: ImageCache, now: number): Scope | undefined {
  const { operation, trigger } = cache.status.round ?? {};
  const isOurs = isRoundOpen(cache.status) && operation === 'Refresh' && trigger === 'Annotation';
  if (isOurs) return isBusy(cache, now) ? undefined : 'everything';
  return requestsRefresh(cache) ? nothingChanged : undefined;
}

/** Whether a look at its spec and the nodes alone shows that something is to be done. */
function isBehind(cache: ImageCache, nodes: readonly Node[], context: Context): boolean {
  const observed = {
    nodes: new Map(nodes.map((node) => [node.name, node])),
    hasAllNodes: true,
    jobs: new Map<string, never>(),
    hasAllJobs: false,
    goneJobs: new Set<string>(),
    removals: noObservedRemovals,
    runAsUser: 0,
  };
  return !isEmpty(decide(worldOf({ before: cache, observed, opens, makes: 'pulls', resolutions: new Map() }, context)));
}
