import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { backoff } from '../backoff.ts';
import { sleep, type Clock } from '../clock.ts';
import { textAt } from './json.ts';
import { list } from './list.ts';
import { entryOf, type Entry, type Resource } from './resource.ts';
import { createStore, type Change, type Store } from './store.ts';
import { endsInitialEvents, Stalled, watch, type WatchEvent } from './watch.ts';

export type InformerOptions<P> = {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onChange: (change: Change<P>) => void;
  /** Called once when the server does not serve the resource (no such CRD); it is tried again every few seconds. */
  readonly onMissing?: () => void;
  /** Called each time a watch has ended and another one is to begin. */
  readonly onRestart?: (cause: RestartCause) => void;
};

/** By the server in its time; its history was too short, so all is listed anew; it fell silent; anything else. */
type RestartCause = 'ended' | 'expired' | 'stalled' | 'failed';

export type Informer<P> = Pick<Store<P>, 'get' | 'keys' | 'size'> & {
  /** Whether all that exists has been told. */
  readonly synced: () => boolean;
  /** Resolves at the first sync; never rejects. */
  readonly whenSynced: Promise<void>;
  /** Resolves when the signal has stopped it. */
  readonly stopped: Promise<void>;
};

const retry = { first: 200, most: 30_000 };
const retryMissing = 3_000;
/** A stream that lived this long proves that the server is well, whatever failed before; so does one that told something. A server ends those whose reader falls behind. */
const healthy = 60_000;
/** Bookmarks come every minute: silence of more than two of them is no silence but a dead connection. */
const stall = 150_000;
/** A streamed list comes in one go; a server that does not know of it may just send nothing. */
const stallInList = 10_000;

/** Follows one resource for good: whatever breaks, every object's last state is told sooner or later. */
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
  /** resourceVersion up to which all is known; undefined: a list is needed. */
  position: string | undefined;
  /** Whether the server is still believed to take streamed lists. */
  streams: boolean;
  failures: number;
  missing: boolean;
};

type Work<P> = {
  readonly resource: Resource<P>;
  readonly options: InformerOptions<P>;
  readonly progress: Progress;
  readonly store: Store<P>;
};

async function run<P>(work: Work<P>): Promise<void> {
  const { clock, signal } = work.options;
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    const [since, from] = [clock.now(), work.progress.position];
    const error = await follow(work).catch((thrown: unknown) => thrown ?? new Error('unknown'));
    if (isStopped()) return;
    const isWell = clock.now() - since >= healthy;
    if (isWell || work.progress.position !== from) work.progress.failures = 0;
    work.options.onRestart?.(causeOf(error));
    await sleep(pause(work, error, isWell), clock, signal);
  }
}

/** List if need be, then watch until the stream ends; a streamed list is followed by its watch on the same connection. */
async function follow<P>({ resource, options, progress, store }: Work<P>): Promise<void> {
  const { api, clock, signal } = options;
  if (progress.position === undefined && !progress.streams) {
    const listed = await list(api, resource, signal);
    store.replace(listed.entries);
    progress.position = listed.resourceVersion;
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
  // A server that knows streamed lists ends none early but when it stops, and then a paged list is as good.
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

/** Milliseconds until the next try, and what the end of this one has taught. */
function pause<P>({ resource, options, progress }: Work<P>, error: unknown, isWell: boolean): number {
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
  const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  const delay = Math.max(asked, backoff(progress.failures, clock.random(), retry));
  const level = progress.failures > 2 ? 'warn' : 'debug';
  log[level]({ kind: resource.kind, failures: progress.failures, delay, err: error }, 'watch ended, trying again');
  return delay;
}

/** Refusals that are about the request itself; a missing resource, an expired version or a busy server refuse anything. */
function refusesStreams(error: unknown): boolean {
  if (error instanceof Stalled) return true;
  return error instanceof ApiError && [400, 403, 405, 406, 415, 422].includes(error.status);
}
