export type BackoffLimits = {
  /** Milliseconds of the first wait, before jitter. */
  readonly first: number;
  /** Milliseconds that no wait exceeds. */
  readonly most: number;
};

/** How long to wait after so many failures in a row: doubling, and half of it left to chance so that many waiters spread out. */
export function backoff(failures: number, random: number, { first, most }: BackoffLimits): number {
  const doubled = first * 2 ** Math.min(Math.max(failures - 1, 0), 30);
  return Math.min(most, doubled) * (0.5 + random / 2);
}
