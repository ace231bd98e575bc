/** How long things take here, in milliseconds; the defaults are those of a small, quick, real cluster. */
export type Timings = {
  /** From a Node's creation until it is Ready. */
  readonly nodeReady: number;
  /** The shortest and the longest pull; an image always takes the same time between them. */
  readonly pull: readonly [number, number];
  /** A pull of an image whose reference holds `slow`. */
  readonly slowPull: number;
  /** When a pull of an image whose reference holds `hang` is given up: containerd's own limit. */
  readonly hang: number;
  /** From a failed pull to ImagePullBackOff, and from there to the next try; the latter doubles up to five minutes. */
  readonly backOff: number;
  /** From a pod's assignment to its sandbox. */
  readonly sandbox: number;
  /** How long a container runs that has no `sleep` command. */
  readonly run: number;
  /** From the end of a pod's last container to the pod's own end. */
  readonly settle: number;
  /** From a change of a Pod until its Job is reconciled. */
  readonly jobSync: number;
  /** From a pull to node.status.images. */
  readonly nodeStatus: number;
  /** From a Node's deletion to that of its Pods. */
  readonly podCleanup: number;
};

export const defaultTimings: Timings = {
  nodeReady: 1_000,
  pull: [200, 1_500],
  slowPull: 6_000,
  hang: 301_000,
  backOff: 10_000,
  sandbox: 300,
  run: 200,
  settle: 700,
  jobSync: 1_000,
  nodeStatus: 1_000,
  podCleanup: 1_500,
};

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
