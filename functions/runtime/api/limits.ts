import { setImmediate } from 'node:timers/promises';
import { boundTable, type Slots } from '#runtime/bounds.ts';
import type { Api } from './api.ts';

/** A time limit was exceeded. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

export type Deadline = {
  readonly signal: AbortSignal;
  /** Cancels the time limit but not the other signals: a stream that has started may last. */
  readonly lift: () => void;
  /** Cancels everything; must be called, or long-lived signals accumulate listeners. */
  readonly clear: () => void;
};

/** A signal that fires with `TimedOut` after `ms` (Infinity: never), or with the reason of the first of `others` to fire. */
export function deadline(ms: number, others: readonly (AbortSignal | undefined)[]): Deadline {
  const controller = new AbortController();
  const expire = (): void => controller.abort(new TimedOut(`no answer within ${ms} ms`));
  const timer = ms === Infinity ? undefined : setTimeout(expire, ms);
  const lift = (): void => clearTimeout(timer);
  const signals = others.filter((each) => each !== undefined);
  const stop = (): void => controller.abort(signals.find((each) => each.aborted)?.reason);
  for (const each of signals) each.addEventListener('abort', stop, { once: true });
  if (signals.some((each) => each.aborted)) stop();
  const clear = (): void => {
    lift();
    for (const each of signals) each.removeEventListener('abort', stop);
  };
  return { signal: controller.signal, lift, clear };
}

/** Starts work and awaits it, but throws the signal's reason if it fires first; the work itself is not stopped. */
export async function orAborted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(reasonOf(signal));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The reason of an aborted signal, always an Error. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('stopped', { cause: signal.reason });
}

/** Runs work once a slot is free. Throws the signal's reason if it fires while waiting. */
export type Limiter = <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** A first-in, first-out semaphore, so that work on a thousand nodes does not open a thousand sockets. */
export function limiter(limit: number): Limiter {
  const waiting = new Set<() => void>();
  let free = limit;
  const leave = (): void => {
    const [next] = waiting;
    if (next === undefined) free += 1;
    else next();
  };
  const enter = (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return queued(waiting, signal);
  };
  return async (work, signal) => {
    await enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  };
}

/** A limiter for a bound, which reports how many are at work. */
export function boundedLimiter(bound: Slots): Limiter {
  const enter = limiter(bound.limit);
  return (work, signal) =>
    enter(async () => {
      bound.take();
      try {
        return await work();
      } finally {
        bound.give();
      }
    }, signal);
}

function queued(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const enter = (): void => {
    waiting.delete(enter);
    signal.removeEventListener('abort', leave);
    resolve(undefined);
  };
  const leave = (): void => {
    waiting.delete(enter);
    reject(reasonOf(signal));
  };
  waiting.add(enter);
  signal.addEventListener('abort', leave, { once: true });
  return promise;
}

/** A place in memory for one large answer. */
export type Place = {
  /** Waits for it, once. Throws the signal's reason if it fires before. */
  readonly take: (signal: AbortSignal) => Promise<void>;
  readonly give: () => void;
};

const limiters = new WeakMap<Api, Limiter>();

/** A place for an answer of a connection whose size users decide: with many of these at once, a process has no memory left. */
export function placeForAnswer(api: Api): Place {
  const enter = limiters.get(api) ?? limiter(boundTable.user_pages.limit);
  limiters.set(api, enter);
  const given = Promise.withResolvers<undefined>();
  let taken: Promise<void> | undefined;
  const occupy = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const work = (): Promise<undefined> => {
        resolve();
        return given.promise;
      };
      enter(work, signal).catch(reject);
    });
  return { take: (signal) => (taken ??= occupy(signal)), give: () => given.resolve(undefined) };
}

/** Waits for the caller's turn to compute. */
export type Turn = () => Promise<void>;

/**
 * Turns to compute, one in each iteration of the event loop: what many callers compute at the same time does not keep a probe
 * from being answered.
 */
export function createTurns(): Turn {
  let last: Promise<void> = Promise.resolve();
  return () => {
    last = last.then(() => setImmediate());
    return last;
  };
}

/** Milliseconds after which a loop over many items lets others compute. */
const slice = 20;

/** To be awaited after each item of a loop: lets others compute once the loop has done so for a while. */
export function slices(): () => Promise<void> | undefined {
  let begin = performance.now();
  return () => {
    if (performance.now() - begin < slice) return undefined;
    return setImmediate().then(() => void (begin = performance.now()));
  };
}

/** Makes the calls of one decision, a share of those to the API server at once: those of other caches do not wait behind hundreds. */
export function shareOfCalls<T>(calls: readonly (() => Promise<T>)[], signal: AbortSignal): readonly Promise<T>[] {
  const enter = limiter(boundTable.cache_calls.limit);
  return calls.map(async (call) => enter(call, signal));
}

/** Sorted such that the first items of all groups come before the second ones: those of one group may take long. */
export function inTurn<Item>(items: readonly Item[], groupOf: (item: Item) => string): readonly Item[] {
  const groups = [...Map.groupBy(items, groupOf).values()];
  const ranked = groups.flatMap((group) => group.map((item, rank) => ({ item, rank })));
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ item }) => item);
}
