import type { Found, Round } from '../results.ts';
import { formatted, percent, table } from './table.ts';

type Size = { readonly nodes: number; readonly images: number };

/** One cost of a round, and the quantity that it grows with. */
export type Cost = {
  readonly name: string;
  readonly unit: string;
  readonly of: (round: Round) => number;
  readonly driver: { readonly name: string; readonly of: (size: Size) => number };
};

/** A Job holds at most 32 images (IMAGES_PER_JOB). */
const jobs = { name: 'Jobs', of: ({ nodes, images }: Size): number => nodes * Math.ceil(images / 32) };
export const pulls = { name: 'nodes × images', of: ({ nodes, images }: Size): number => nodes * images };

export const costs = {
  writes: { name: 'API writes', unit: '', of: ({ writes }) => writes.total, driver: jobs },
  time: { name: 'duration', unit: 's', of: ({ secondsToDone }) => secondsToDone, driver: pulls },
  processor: { name: 'CPU of our process', unit: 's', of: ({ cpuSeconds }) => cpuSeconds, driver: jobs },
  memory: { name: 'peak memory of our process', unit: 'MB', of: ({ peakMegabytes }) => peakMegabytes, driver: jobs },
} as const satisfies Readonly<Record<string, Cost>>;

/** A line: fixed + slope · x. */
export type Line = { readonly fixed: number; readonly slope: number };

export const at = ({ fixed, slope }: Line, x: number): number => fixed + slope * x;

/**
 * The line with the least squared relative error, so that a small round counts as much as a large one; through 0 where it
 * would start below. Undefined for fewer than three points.
 */
export function fitted(points: readonly (readonly [x: number, y: number])[]): Line | undefined {
  if (points.length < 3) return undefined;
  const sum = (term: (x: number, y: number) => number): number =>
    points.reduce((total, [x, y]) => total + term(x, y), 0);
  const [one, two, mixed] = [sum((_, y) => y ** -2), sum((x, y) => (x / y) ** 2), sum((x, y) => x / y ** 2)];
  const [right, rightX] = [sum((_, y) => 1 / y), sum((x, y) => x / y)];
  const determinant = one * two - mixed ** 2;
  const fixed = (right * two - rightX * mixed) / determinant;
  if (!(fixed > 0)) return { fixed: 0, slope: rightX / two };
  return { fixed, slope: (rightX * one - right * mixed) / determinant };
}

export const lineOf = ({ of, driver }: Cost, rounds: readonly Round[]): Line | undefined =>
  fitted(rounds.map((round) => [driver.of(round), of(round)]));

/** Each cost as a formula, and its error at every size: those that it was fitted to, and those that it was not. */
export function costModel({ measured, check }: Found['rounds']): string {
  const models = Object.values<Cost>(costs).flatMap((cost) => {
    const line = lineOf(cost, measured);
    return line === undefined ? [] : [{ ...cost, line }];
  });
  if (models.length === 0) return '';
  const formulas = models.map(({ name, unit, driver, line: { fixed, slope } }) =>
    `* ${name} ≈ ${fixed.toPrecision(3)} + ${slope.toPrecision(3)} · ${driver.name} ${unit}`.trimEnd(),
  );
  const errors = models.map(({ name, of, driver, line }) => {
    const compare = (round: Round): string => {
      const predicted = at(line, driver.of(round));
      return [formatted(of(round)), formatted(predicted), percent(predicted / of(round) - 1)].join(', ');
    };
    return [name, compare] as const;
  });
  const size = (round: Round): string =>
    `${formatted(round.nodes)} × ${formatted(round.images)}${check.includes(round) ? ' (not fitted to)' : ''}`;
  const columns = { 'measured, model, error': size, ...Object.fromEntries(errors) };
  return `${formulas.join('\n')}\n\n${table([...measured, ...check], columns)}`;
}
