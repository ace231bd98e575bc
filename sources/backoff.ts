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
