import { createHash } from 'node:crypto';
import { seeded } from '../functions/runtime/http/malformed-requests.ts';

/** Random values of a seed. Streams of different names are independent: one more value here changes nothing there. */
export type SeededRandom = {
  /** From 0 up to, not including, 1. */
  readonly next: () => number;
  /** True with this probability. */
  readonly is: (probability: number) => boolean;
  /** A whole number from `least` to `most`, both included. */
  readonly between: (least: number, most: number) => number;
  readonly pick: <T>(from: readonly [T, ...T[]]) => T;
};

export function seededRandom(seed: number, stream: string): SeededRandom {
  const next = seeded(createHash('sha256').update(`${seed} ${stream}`).digest().readInt32BE(0));
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    is: (probability) => next() < probability,
    between,
    pick: (from) => from[between(0, from.length - 1)] ?? from[0],
  };
}
