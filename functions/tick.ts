import { refusedMessage } from '#model/cache/conditions.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/api.ts';
import { boundedLimiter, inTurn, type Limiter, limiter } from '#runtime/api/limits.ts';
import { boundTable, createBounds } from '#runtime/bounds.ts';
import type { UnreadableCache } from '#runtime/cluster/objects.ts';
import {
  orKnown,
  type ReadFoundImages,
  readFoundImages,
  readInTime,
  type ReadWorkloads,
} from '#runtime/drive/read-workloads.ts';
import { RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { cacheSubject, isolated } from '#runtime/log-failure.ts';
import { roundRemovalEvent } from '#model/removal/removal-report.ts';
import { endEvent, failingEvents, hasEndedRecently } from '#model/report/reported-status.ts';

/** Drives a cache of a tick once few enough others are being driven. */
export function tickDriver({ tickDrives, signal }: Context): (drive: () => Promise<unknown>) => Promise<unknown> {
  const enter = boundedLimiter(tickDrives ?? createBounds().tick_drives);
  return (drive) => enter(drive, signal);
}

/**
 * Drives the due caches of a tick, a few at a time, of all namespaces in turn, as those of one may take long. Only as many as are
 * driven at once wait for the driver, so that others which use it come in between. The failure of one is its own.
 */
export async function driveInTick(
  due: readonly ImageCache[],
  driveOne: (cache: ImageCache) => Promise<unknown>,
  driver: ReturnType<typeof tickDriver>,
  context: Context,
): Promise<void> {
  const queue = inTurn(due, ({ namespace }) => namespace).values();
  const worker = async (): Promise<void> => {
    for (const cache of queue) await isolated(cacheSubject(cache), () => driver(() => driveOne(cache)), context);
  };
  await Promise.all(Array.from({ length: boundTable.tick_drives.limit }, worker));
}

/** Works on a cache whose images come from workloads, once few enough others have theirs read. */
type ReadingInTick = (cache: ImageCache, work: (reading: Reading) => Promise<void>) => Promise<void>;

type Reading = {
  readonly readFound: ReadFoundImages;
  /** Stops reading: a cache that is edited later has its own event. */
  readonly end: () => void;
};

/**
 * Reads the workloads of caches of a tick, a few caches at a time, fewer of one namespace, and within a time for all. What was found
 * before stays where they cannot be read: nothing retries a tick, as it does an event.
 */
export function readInTick(context: Context): ReadingInTick {
  const { signal } = context;
  const enter = limiter(boundTable.tick_readings.limit);
  const ofNamespaces = new Map<string, Limiter>();
  const enterOf = (namespace: string): Limiter => {
    const known = ofNamespaces.get(namespace) ?? limiter(boundTable.tick_readings_of_namespace.limit);
    ofNamespaces.set(namespace, known);
    return known;
  };
  const end = context.now() + boundTable.tick_reading_seconds.limit * 1000;
  const read = async (work: (reading: Reading) => Promise<void>): Promise<void> => {
    let late = context.now() < end ? undefined : 'the workloads of other caches have taken the time of this tick';
    const readWorkloads: ReadWorkloads = (cache, of) =>
      late === undefined ? readInTime(cache, of) : Promise.reject(new RetryLater(late, 60_000));
    const readFound = orKnown(readFoundImages(context, readWorkloads), context);
    await work({ readFound, end: () => void (late ??= 'the cache was edited in this tick') });
  };
  return async ({ namespace }, work) => enterOf(namespace)(async () => enter(async () => read(work), signal), signal);
}

/** The caches of all namespaces in turn, in another order with each tick, as those at the end may not be read. */
export function cachesInTurn(caches: readonly ImageCache[], now: number): readonly ImageCache[] {
  const first = (Math.floor(now / 60_000) * boundTable.tick_readings.limit) % Math.max(1, caches.length);
  return inTurn([...caches.slice(first), ...caches.slice(0, first)], ({ namespace }) => namespace);
}

/**
 * Records what no plan does: the Events of a round that has just ended, if the process that closed the round failed or ended
 * before it did, and that of a cache that has been failing for a while.
 */
export async function recordMissingEvents(cache: ImageCache, { cluster, now }: Context): Promise<void> {
  const record = async (event: CacheEvent, time: number): Promise<void> => {
    if (!(await cluster.isRecorded(cache, event))) await cluster.record(cache, event, time);
  };
  if (hasEndedRecently(cache, now()) && refusedMessage(cache.status) === undefined)
    for (const event of [endEvent(cache.status), ...roundRemovalEvent(cache)])
      await record(event, cache.status.completionTime ?? now());
  for (const event of failingEvents(cache, now())) await record(event, now());
}

/** Reports a cache that cannot be served because it cannot be parsed: to the operator in the log, to its owner by an Event, which is recorded once. */
export async function reportUnreadable(cache: UnreadableCache, { cluster, log, now }: Context): Promise<void> {
  log.warn({ cache: `${cache.namespace}/${cache.name}`, problem: cache.problem }, 'cache is invalid and not served');
  const event: CacheEvent = {
    type: 'Warning',
    reason: 'InvalidCache',
    message: `This ImageCache is not served: ${cache.problem}`,
    key: cache.problem,
  };
  if (!(await cluster.isRecorded(cache, event))) await cluster.record(cache, event, now());
}

/**
 * Reports a kube-fledged that was started after us: it deletes our Jobs whenever it starts, and pulls the same images. It is not
 * fought: Jobs that are missing are created again. The Event is recorded again once the API server has dropped it; only the log names
 * another namespace.
 */
export async function reportKubeFledged(
  caches: readonly ImageCache[],
  { kubeFledged, cluster, log, now, signal }: Context,
): Promise<void> {
  const { running, hasChanged } = (await kubeFledged?.look()) ?? { running: [], hasChanged: false };
  if (running.length === 0) {
    if (hasChanged) log.info('kube-fledged is gone');
    return;
  }
  const controllers = running.slice(0, 10).map(({ namespace, name }) => `${namespace}/${name}`);
  if (hasChanged) log.warn({ controllers }, `kube-fledged runs, too: ${bothWork}`);
  const message = `kube-fledged runs in this cluster, too: ${bothWork}`;
  const event = { type: 'Warning', reason: 'KubeFledgedRuns', message, key: 'running' } as const;
  const [one] = caches;
  if (one === undefined || (await cluster.isRecorded(one, event))) return;
  for (const cache of caches.toReversed()) {
    signal.throwIfAborted();
    await cluster.record(cache, event, now());
  }
}

const bothWork =
  'both pull the same images, and its controller deletes Jobs of ours when it starts; kubectl imagecache migrate --check shows how to stop it';
