import { setTimeout as startTimer, clearTimeout as stopTimer } from 'node:timers';

export type Cancel = () => void;

/** Time and randomness, replaceable in tests. */
export type Clock = {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Calls `run` once after so many milliseconds, unless cancelled. */
  readonly after: (ms: number, run: () => void) => Cancel;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after: (ms, run) => {
    const timer = startTimer(run, ms);
    return () => {
      stopTimer(timer);
    };
  },
};

/** Resolves after so many milliseconds, or when the signal aborts; never rejects. */
export function sleep(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const wake = (): void => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    signal.addEventListener('abort', wake);
  });
}

export type BackoffLimits = {
  /** Milliseconds of the first wait, before jitter. */
  readonly first: number;
  /** Maximum wait in milliseconds. */
  readonly most: number;
};

/** Milliseconds to wait after so many consecutive failures: exponential, with up to half of it random. */
export function backoff(failures: number, random: number, { first, most }: BackoffLimits): number {
  const doubled = first * 2 ** Math.min(Math.max(failures - 1, 0), 30);
  return Math.min(most, doubled) * (0.5 + random / 2);
}
