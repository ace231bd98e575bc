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
