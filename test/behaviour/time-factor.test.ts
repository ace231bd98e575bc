import { expect, it } from 'vitest';
import { parsedFactor } from './time-factor.ts';

it.each([
  [undefined, 1],
  ['1', 1],
  ['2.5', 2.5],
])('reads TIME_FACTOR=%s as %d', (value, factor) => {
  expect(parsedFactor(value)).toBe(factor);
});

it.each(['', 'three', '3x', '0', '-1', 'Infinity'])('refuses TIME_FACTOR="%s" with an error that names it', (value) => {
  expect(() => parsedFactor(value)).toThrow(`TIME_FACTOR is not a number of at least 1: "${value}"`);
});
