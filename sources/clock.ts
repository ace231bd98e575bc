import { setTimeout as startTimer, clearTimeout as stopTimer } from 'node:timers';

export type Cancel = () => void;

/** Time and chance as the sources see them, so that a test owns both. */
export type Clock = {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** Runs once after so many milliseconds, unless cancelled. */
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

/** Ends after so many milliseconds, or as soon as the signal aborts; never throws, so that loops have one way out. */
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
