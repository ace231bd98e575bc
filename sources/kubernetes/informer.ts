import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { backoff, sleep, type Clock } from '../clock.ts';
import { textAt } from './json.ts';
import { listVersion } from '#runtime/api/list-items.ts';
import {
  collectionPath,
  entryOf,
  type Entry,
  type Resource,
  createStore,
  type Change,
  type Store,
} from './resource.ts';
import { endsInitialEvents, Stalled, watch, type WatchEvent } from './watch.ts';
import type { Namespaces } from '#runtime/api/paths.ts';

export type InformerOptions<P> = {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onChange: (change: Change<P>) => void;
  /** Called once when the server does not serve the resource (no such CRD); the informer retries every few seconds. */
  readonly onMissing?: () => void;
  /** Called each time a watch has ended and the next one is about to start. */
  readonly onRestart?: (cause: RestartCause) => void;
};

/** Ended by the server as usual; resource version expired, list again; no data; any other failure. */
type RestartCause = 'ended' | 'expired' | 'stalled' | 'failed';

export type Informer<P> = Pick<Store<P>, 'get' | 'keys' | 'size'> & {
  /** Whether all existing objects have been reported. */
  readonly synced: () => boolean;
  /** Resolves at the first sync; never rejects. */
  readonly whenSynced: Promise<void>;
  /** Resolves when the signal has stopped it. */
  readonly stopped: Promise<void>;
};

const retry = { first: 200, most: 30_000 };
const retryMissing = 3_000;
/** A stream that lasted this long, or delivered something, resets the failure count: servers end streams whose reader falls behind. */
const healthy = 60_000;
/** Bookmarks arrive every minute: a connection without data for longer than two of them is dead. */
const stall = 150_000;
/** A streamed list arrives at once; a server that does not support it may send nothing. */
const stallInList = 10_000;

/** Lists and watches one resource until stopped: after any failure, the last state of every object is eventually reported. */
export function startInformer<P>(resource: Resource<P>, options: InformerOptions<P>): Informer<P> {
  const store = createStore(resource, options.onChange);
  const { promise: whenSynced, resolve } = Promise.withResolvers<undefined>();
  let isSynced = false;
  const progress: Progress = { position: undefined, streams: true, failures: 0, missing: false };
  const replace = (listed: ReadonlyMap<string, Entry<P>>): void => {
    store.replace(listed);
    isSynced = true;
    progress.missing = false;
    resolve(undefined);
  };
  const stopped = run({ resource, options, progress, store: { ...store, replace } });
  return { get: store.get, keys: store.keys, size: store.size, synced: () => isSynced, whenSynced, stopped };
}

type Progress = {
  /** resourceVersion up to which everything is known; undefined: a list is needed. */
  position: string | undefined;
  /** Whether the server is assumed to support streamed lists. */
  streams: boolean;
  failures: number;
  missing: boolean;
};

type Context<P> = {
  readonly resource: Resource<P>;
  readonly options: InformerOptions<P>;
  readonly progress: Progress;
  readonly store: Store<P>;
};

async function run<P>(context: Context<P>): Promise<void> {
  const { clock, signal } = context.options;
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    const [since, from] = [clock.now(), context.progress.position];
    const error = await follow(context).catch((thrown: unknown) => thrown ?? new Error('unknown'));
    if (isStopped()) return;
    const isWell = clock.now() - since >= healthy;
    if (isWell || context.progress.position !== from) context.progress.failures = 0;
    context.options.onRestart?.(causeOf(error));
    await sleep(pause(context, error, isWell), clock, signal);
  }
}

/** Lists if needed, then watches until the stream ends; a streamed list continues as a watch on the same connection. */
async function follow<P>({ resource, options, progress, store }: Context<P>): Promise<void> {
  const { api, clock, signal } = options;
  if (progress.position === undefined && !progress.streams) {
    const { items, resourceVersion } = await listVersion(api, collectionPath(resource), {
      bound: 'page_watched',
      parse: (object) => entryOf(resource, object),
      selector: resource.labelSelector,
      isOfUsers: resource.isOfUsers,
      signal,
    });
    store.replace(new Map(items));
    progress.position = resourceVersion;
  }
  let initial = progress.position === undefined ? new Map<string, Entry<P>>() : undefined;
  const patience = (): number => (initial === undefined ? stall : stallInList);
  try {
    for await (const event of watch(resource, { api, clock, signal, from: progress.position, patience })) {
      if (initial !== undefined && !(event.type === 'BOOKMARK' && endsInitialEvents(event.object))) {
        collect(initial, event, resource);
        continue;
      }
      if (initial === undefined) apply(store, event, resource);
      else store.replace(initial);
      initial = undefined;
      progress.position = textAt(event.object, 'metadata', 'resourceVersion');
    }
  } catch (error) {
    if (initial !== undefined && refusesStreams(error)) progress.streams = false;
    throw error;
  }
  // A server that supports streamed lists ends one early only when it stops; a paged list then works as well.
  if (initial !== undefined) progress.streams = false;
}

function collect<P>(initial: Map<string, Entry<P>>, event: WatchEvent, resource: Resource<P>): void {
  if (event.type === 'BOOKMARK') return;
  const [key, entry] = entryOf(resource, event.object);
  if (event.type === 'DELETED') initial.delete(key);
  else initial.set(key, entry);
}

function apply<P>(store: Store<P>, event: WatchEvent, resource: Resource<P>): void {
  if (event.type === 'BOOKMARK') return;
  if (event.type === 'DELETED') store.remove(...entryOf(resource, event.object));
  else store.put(...entryOf(resource, event.object));
}

function causeOf(error: unknown): RestartCause {
  if (error === undefined) return 'ended';
  if (error instanceof Stalled) return 'stalled';
  return error instanceof ApiError && error.status === 410 ? 'expired' : 'failed';
}

/** Milliseconds until the next try; records why this one ended. */
function pause<P>({ resource, options, progress }: Context<P>, error: unknown, isWell: boolean): number {
  const { clock, log } = options;
  if (isNotFound(error)) {
    progress.position = undefined;
    if (!progress.missing) options.onMissing?.();
    progress.missing = true;
    return retryMissing;
  }
  if (error instanceof ApiError && error.status === 410) progress.position = undefined;
  if (isWell && (error === undefined || error instanceof Stalled)) return 0;
  progress.failures += 1;
  const retryAfter = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  const delay = Math.max(retryAfter, backoff(progress.failures, clock.random(), retry));
  const level = progress.failures > 2 ? 'warn' : 'debug';
  log[level]({ kind: resource.kind, failures: progress.failures, delay, err: error }, 'watch ended, retrying');
  return delay;
}

/** Whether the request itself was refused; a missing resource, an expired version or a busy server refuses any request. */
function refusesStreams(error: unknown): boolean {
  if (error instanceof Stalled) return true;
  return error instanceof ApiError && [400, 403, 405, 406, 415, 422].includes(error.status);
}

/** Watches a resource in all namespaces, or with one watch in each of the given namespaces, which needs no cluster-wide permission. */
export function startInformers<P>(
  resource: Resource<P>,
  namespaces: Namespaces,
  options: InformerOptions<P>,
): Informer<P> {
  if (namespaces.length === 0) return startInformer(resource, options);
  // A CRD is missing in all namespaces: report it once.
  const { onMissing, ...rest } = options;
  const first = onMissing === undefined ? {} : { onMissing };
  const byNamespace = new Map(
    namespaces.map((namespace, index) => [
      namespace,
      startInformer({ ...resource, namespace }, { ...rest, ...(index === 0 ? first : {}) }),
    ]),
  );
  const all = [...byNamespace.values()];
  return {
    get: (key) => byNamespace.get(key.slice(0, key.indexOf('/')))?.get(key),
    keys: () => all.flatMap((informer) => [...informer.keys()]),
    size: () => all.reduce((sum, informer) => sum + informer.size(), 0),
    synced: () => all.every((informer) => informer.synced()),
    whenSynced: Promise.all(all.map((informer) => informer.whenSynced)).then(() => undefined),
    stopped: Promise.all(all.map((informer) => informer.stopped)).then(() => undefined),
  };
}
