import { describe, expect, it } from 'vitest';
import { scheduledAfter } from '#runtime/drive/decide-with-others.ts';

/** The next time after a moment of 2026, in ISO form. */
function next(schedule: string, timeZone: string, now: string): string | undefined {
  const { next: time } = scheduledAfter({ schedule, timeZone }, Date.parse(`2026-${now}Z`));
  return time === undefined ? undefined : new Date(time).toISOString();
}

describe('the next time of a schedule', () => {
  it.each([
    { schedule: '@daily', timeZone: 'Asia/Kolkata', now: '11-26T00:00:00', is: '2026-11-26T18:30:00.000Z' },
    { schedule: '0 3 * * 1-5', timeZone: 'UTC', now: '11-28T04:00:00', is: '2026-11-30T03:00:00.000Z' },
    { schedule: '0 0 29 2 *', timeZone: 'UTC', now: '11-26T00:00:00', is: '2028-02-29T00:00:00.000Z' },
  ])('$schedule in $timeZone after $now', ({ schedule, timeZone, now, is }) => {
    expect(next(schedule, timeZone, now)).toBe(is);
  });

  it('matches either the day of the month or the day of the week where both are given, as a CronJob does', () => {
    expect(next('0 3 1 * 1', 'UTC', '11-26T00:00:00')).toBe('2026-11-30T03:00:00.000Z');
    expect(next('0 3 1 * 1', 'UTC', '11-30T04:00:00')).toBe('2026-12-01T03:00:00.000Z');
  });

  it('does not skip the day on which summer time begins at that hour', () => {
    expect(next('30 2 * * *', 'Europe/Paris', '03-28T23:00:00')).toBe('2026-03-29T01:00:00.000Z');
  });

  it('occurs once on the day on which summer time ends at that hour', () => {
    expect(next('30 2 * * *', 'Europe/Paris', '10-24T23:00:00')).toBe('2026-10-25T00:30:00.000Z');
    expect(next('30 2 * * *', 'Europe/Paris', '10-25T00:30:00')).toBe('2026-10-26T01:30:00.000Z');
  });
});

describe('a schedule without a next time has a reason', () => {
  it.each([
    {
      schedule: '0 0 30 2 *',
      timeZone: 'UTC',
      reason: 'spec.refresh.schedule "0 0 30 2 *" has no time at which it is due',
    },
    { schedule: '61 * * * *', timeZone: 'UTC', reason: 'spec.refresh.schedule "61 * * * *" is not valid' },
    { schedule: '* * * * * *', timeZone: 'UTC', reason: 'spec.refresh.schedule "* * * * * *" is not valid' },
    {
      schedule: '0 3 * * *',
      timeZone: 'Nowhere/City',
      reason: 'spec.refresh.timeZone Nowhere/City is not a time zone',
    },
  ])('$schedule in $timeZone: $reason', ({ schedule, timeZone, reason }) => {
    const { next: time, problem } = scheduledAfter({ schedule, timeZone }, 0);
    expect(time).toBeUndefined();
    expect(problem).toContain(reason);
  });
});
