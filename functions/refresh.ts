import type { Notice } from '#model/cache/cloud-event.ts';
import { decide } from '#model/decide.ts';
import { retainsJobs } from '#model/job/job-times.ts';
import { isRoundOpen, type ImageCache } from '#model/cache/image-cache.ts';
import { findsImages } from '#model/cache/found-images.ts';
import { nextRound, requestsRefresh } from '#model/round/next-round.ts';
import { nothingObserved, type Query } from '#model/observed.ts';
import type { Node } from '#model/node/node.ts';
import { isEmpty } from '#model/plan.ts';
import { drive } from '#runtime/drive/drive.ts';
import {
  driveInTick,
  tickDriver,
  cachesInTurn,
  readInTick,
  recordMissingEvents,
  reportKubeFledged,
  reportUnreadable,
} from './tick.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { cacheSubject, isolated } from '#runtime/log-failure.ts';
import { nodesToRelease, openGatesInTick } from '#runtime/drive/open-gates.ts';
import type { ReadFoundImages } from '#runtime/drive/read-workloads.ts';
import { serveImagesInTick } from '#runtime/drive/serve-images.ts';
import { nothingAsked, worldOf } from '#runtime/drive/decide-with-others.ts';
import { hasOpenWork, isBusy } from '#runtime/drive/observe.ts';

const opens = ['Spec', 'Adopted', 'Annotation', 'Schedule', 'Workloads'] as const;

/**
 * Handles the tick, the periodic resync. Every tick opens the refreshes that are due, resumes what was lost and enforces deadlines, so that the tick alone
 * suffices where events are lost. A cache with a refresh annotation is served at once, or after its open round.
 */
export const refresh: Handler = async (notice, context) =>
  notice.type === 'tick' ? onTick(context) : onChange(notice, context);

async function onTick(context: Context): Promise<void> {
  const { cluster, now } = context;
  const { caches, unreadable } = await cluster.listCaches();
  const { nodes } = await cluster.nodesSince(now());
  // First, as an Event can be recorded for some time only, and drives may take long.
  for (const cache of caches) await isolated(cacheSubject(cache), () => recordMissingEvents(cache, context), context);
  const due = await cachesWithWork(caches, nodes, context);
  const finding = caches.filter(takesFromWorkloads);
  const others = [...due].filter((cache) => !takesFromWorkloads(cache));
  const driver = tickDriver(context);
  const handleOthers = async (): Promise<void> => {
    await driveInTick(others, (cache) => driveOne(cache, context), driver, context);
    await openGatesInTick(nodesToRelease(nodes, caches, context), context);
    for (const each of unreadable) await isolated(cacheSubject(each), () => reportUnreadable(each, context), context);
  };
  // At the same time, so that neither Images nor workloads that cannot be reached hold up other caches.
  const looking = isolated({ task: 'look for kube-fledged' }, () => reportKubeFledged(caches, context), context);
  await Promise.all([
    looking,
    serveImagesInTick(context),
    handleOthers(),
    ...findingWork(finding, due, nodes, driver, context),
  ]);
}

/** False if that fails: such a cache counts as due, and its drive fails for it alone. */
function takesFromWorkloads(cache: ImageCache): boolean {
  try {
    return findsImages(cache.spec);
  } catch {
    return false;
  }
}

/** Drives a cache of a tick, with a reader of its workloads if it has one already. */
function driveOne(cache: ImageCache, context: Context, readFound?: ReadFoundImages): Promise<unknown> {
  const query = (live: ImageCache): Query => (isBeingDriven(live, context.now()) ? 'nothing' : 'everything');
  return drive({ cache, query, opens, makes: 'pulls', sharesNodes: true, ...(readFound && { readFound }) }, context);
}

/** Reads the workloads of caches that take images from them, and drives those with work; `due` are those of which it is known. */
function findingWork(
  caches: readonly ImageCache[],
  due: ReadonlySet<ImageCache>,
  nodes: readonly Node[],
  driver: ReturnType<typeof tickDriver>,
  context: Context,
): readonly Promise<void>[] {
  const read = readInTick(context);
  const one = (cache: ImageCache): Promise<void> =>
    read(cache, async ({ readFound, end }) => {
      if (isBeingDriven(cache, context.now())) return;
      const hasMore = await hasFoundWork(cache, readFound, nodes, context);
      // Others wait for the driver, but not for workloads.
      end();
      if (due.has(cache) || hasMore) await driver(() => driveOne(cache, context, readFound));
    });
  return cachesInTurn(caches, context.now()).map(async (cache) =>
    isolated(cacheSubject(cache), () => one(cache), context),
  );
}

/** The caches that have work to do, judged by their status, the nodes and the labels of Jobs, before workloads are read. */
async function cachesWithWork(
  caches: readonly ImageCache[],
  nodes: readonly Node[],
  context: Context,
): Promise<ReadonlySet<ImageCache>> {
  const due = new Set<ImageCache>();
  for (const cache of caches) {
    if (isBeingDriven(cache, context.now())) continue;
    await context.turn?.();
    if (hasOpenWork(cache)) due.add(cache);
    else if (!takesFromWorkloads(cache) && hasPendingWork(cache, nodes, context)) due.add(cache);
  }
  const quiet = new Set(
    caches.filter((cache) => !due.has(cache) && !hasOpenWork(cache) && !retainsJobs(cache, context.settings)),
  );
  if (quiet.size === 0) return due;
  const others = caches.filter((cache) => !quiet.has(cache));
  const leftOver = await context.cluster.jobsBut(others.map(({ uid }) => uid));
  const withJobs = new Set(leftOver.map(({ cacheUid }) => cacheUid));
  return new Set([...due, ...[...quiet].filter(({ uid }) => withJobs.has(uid))]);
}

/** Another delivery is working on the cache: a second writer would only cause conflicts, and the next tick follows. */
const isBeingDriven = (cache: ImageCache, now: number): boolean => hasOpenWork(cache) && isBusy(cache, now);

async function onChange(notice: Extract<Notice, { type: 'change' }>, context: Context): Promise<void> {
  if (notice.object.kind !== 'ImageCache' || notice.verb === 'delete' || notice.cache === undefined) return;
  const query = (live: ImageCache): Query => queryForChange(live, context.now());
  await drive(
    { cache: notice.cache, query, opens: ['Annotation', 'Schedule'], makes: 'pulls', sharesNodes: true },
    context,
  );
}

/** The process that opened a requested refresh may have stopped before it started a node, so an open one is observed again. */
function queryForChange(cache: ImageCache, now: number): Query {
  const { operation, trigger } = cache.status.round ?? {};
  const isRequestedRefresh = isRoundOpen(cache.status) && operation === 'Refresh' && trigger === 'Annotation';
  if (isRequestedRefresh) return isBusy(cache, now) ? 'nothing' : 'everything';
  const isDue = nextRound(cache, now)?.trigger === 'Schedule';
  return requestsRefresh(cache) || isDue ? 'pending' : 'nothing';
}

/** Whether the spec, workloads and nodes show pending work. True if workloads cannot be read for a new spec, which its drive then reports. */
async function hasFoundWork(
  cache: ImageCache,
  readFound: ReadFoundImages,
  nodes: readonly Node[],
  context: Context,
): Promise<boolean> {
  try {
    return hasPendingWork(await readFound(cache), nodes, context);
  } catch {
    context.signal.throwIfAborted();
    return true;
  }
}

/** Whether the spec and the nodes alone show pending work. True if the decision fails: the drive then fails for this cache alone. */
function hasPendingWork(cache: ImageCache, nodes: readonly Node[], context: Context): boolean {
  const observed = { ...nothingObserved, nodes: new Map(nodes.map((node) => [node.name, node])), hasAllNodes: true };
  const seen = { before: cache, observed, opens, makes: 'pulls', ...nothingAsked } as const;
  try {
    return !isEmpty(decide(worldOf(seen, context)));
  } catch {
    return true;
  }
}
