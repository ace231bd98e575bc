import { describe, expect, it } from 'vitest';
import { nextRefresh } from '#model/round/next-round.ts';
import { cache, noon, settings } from '../builders.ts';

const minute = 60_000;
const world = { settings: settings({ refreshFrequency: 15 * minute }), scheduled: undefined, now: noon };
const due = (uid: string): number => (nextRefresh(cache({ uid }), world) ?? NaN) - noon;
const uids = Array.from({ length: 200 }, (_, index) => `uid-${index}`);

describe('the next refresh', () => {
  it('is due within the last tenth of the period', () => {
    expect(Math.min(...uids.map(due))).toBeGreaterThanOrEqual(13.5 * minute - 1000);
    expect(Math.max(...uids.map(due))).toBeLessThanOrEqual(15 * minute);
  });

  it('is due at the same time in each period of a cache, and at other times than that of most others', () => {
    expect(uids.map(due)).toEqual(uids.map(due));
    const perTenSeconds = Map.groupBy(uids.map(due), (at) => Math.floor(at / 10_000));
    expect(perTenSeconds.size).toBeGreaterThanOrEqual(9);
    expect(Math.max(...[...perTenSeconds.values()].map(({ length }) => length))).toBeLessThan(50);
  });

  it('is due in a later second than this one, also with a period of one second', () => {
    const often = { ...world, settings: settings({ refreshFrequency: 1000 }), now: noon + 43 };
    expect(new Set(uids.map((uid) => nextRefresh(cache({ uid }), often)))).toEqual(new Set([noon + 1000]));
  });

  it('keeps to a cron schedule', () => {
    const scheduled = { next: noon + minute, problem: '' };
    const spec = { ...cache().spec, refreshSchedule: { schedule: '* * * * *', timeZone: 'Etc/UTC' } };
    expect(nextRefresh(cache({ spec }), { ...world, scheduled })).toBe(noon + minute);
  });
});
