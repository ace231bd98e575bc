import type { Slots } from '#runtime/bounds.ts';
import { reasonOf } from './time-limit.ts';

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
