import { describe, expect, it } from 'vitest';
import { goDuration } from '../../../../functions/runtime/config/setting.ts';

describe('goDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['300ms', 300],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['+2s', 2000],
    ['1h2m3s4ms', 3_723_004],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['1000000ns', 1],
  ])('reads %s as %d ms', (text, milliseconds) => {
    expect(goDuration(text)).toBeCloseTo(milliseconds, 9);
  });

  it.each(['', '5', '5 m', 'm', '-5m', '1h 30m', '5M', '.s', '1d', '5m!', '1e3s', '+'])('refuses %j', (text) => {
    expect(goDuration(text)).toBeUndefined();
  });
});
