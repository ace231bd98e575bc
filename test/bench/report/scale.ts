export type Kind = 'linear' | 'log';

/** How values of one axis come to lie on the picture, and where its lines are. */
export type Scale = { readonly at: (value: number) => number; readonly ticks: readonly number[] };

/** From the least to the largest value, over these pixels; `from` is where the least lies. A log axis goes by whole powers of ten. */
export function scaleOf(kind: Kind, values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const ticks = kind === 'log' ? decades(values) : steps(Math.max(...values));
  const of = kind === 'log' ? Math.log10 : (value: number): number => value;
  const [low, high] = [of(ticks[0] ?? 1), of(ticks.at(-1) ?? 1)];
  return { at: (value) => from + ((of(value) - low) / (high - low)) * (to - from), ticks };
}

function decades(values: readonly number[]): readonly number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

/** From 0 on, in some five round steps, to just above the largest. */
function steps(largest: number): readonly number[] {
  const rough = Math.max(largest, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.max(1, Math.ceil(largest / step)) + 1 }, (_, index) => index * step);
}
