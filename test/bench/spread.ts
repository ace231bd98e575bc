import type { Spread } from './results.ts';

/** The nearest-rank percentile of values in ascending order. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** The percentiles of the trials. Throws if there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new Error('nothing was measured');
  const at = (percent: number): number => round(percentile(sorted, percent));
  return { count: sorted.length, p50: at(50), p90: at(90), p99: at(99), max: at(100) };
}

/** Enough values for a curve, including the lowest and the highest. */
export function thinned(values: readonly number[], most = 200): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length <= most) return sorted.map(round);
  return Array.from({ length: most }, (_, index) =>
    round(sorted[Math.round((index / (most - 1)) * (sorted.length - 1))] ?? Number.NaN),
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;
