/** Time as the cluster sees it, so that a test can move it. */
export type Clock = {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Runs something once after so many milliseconds; the answer calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
};

/** Node runs longer timers at once. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, longestTimer));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
