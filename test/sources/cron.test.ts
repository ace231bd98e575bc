import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../sources/clock.ts';
import { startCron, tickPersistently, wrongSchedule } from '../../sources/cron.ts';
import { DeliveryFailed, DeliveryRefused } from '../../sources/sink/sink.ts';
import { fakeClock } from '../support/fake-clock.ts';

const log = pino({ level: 'silent' });

describe('a tick schedule', () => {
  it.each(['* * * * *', '*/5 * * * *', '@hourly', '0 */2 * * * *'])('accepts %s', (pattern) => {
    expect(wrongSchedule(pattern)).toBeUndefined();
  });
  it.each(['every minute', '61 * * * *', '@every 1m'])('rejects %s with the reason', (pattern) => {
    expect(wrongSchedule(pattern)).toContain(`schedule "${pattern}" is not a cron expression: `);
  });
});

describe.concurrent('cron', () => {
  it('sends ticks until it is stopped', async () => {
    let ticks = 0;
    const cron = startCron({
      schedule: '* * * * * *',
      tick: () => Promise.resolve(void (ticks += 1)),
      clock: systemClock,
      log,
    });
    await pause(2_300);
    expect(ticks).toBeGreaterThanOrEqual(2);
    await cron.stop();
    const before = ticks;
    await pause(1_200);
    expect(ticks).toBe(before);
  });

  it('runs one tick at a time, and waits at stop for the tick in progress', async () => {
    const ends: (() => void)[] = [];
    const tick = () => new Promise<void>((resolve) => ends.push(resolve));
    const cron = startCron({ schedule: '* * * * * *', tick, clock: systemClock, log });
    await pause(2_300);
    expect(ends).toHaveLength(1);
    let isStopped = false;
    const stopped = cron.stop().then(() => (isStopped = true));
    await pause(50);
    expect(isStopped).toBe(false);
    ends[0]?.();
    await stopped;
  });
});

describe('a failed tick', () => {
  async function play(outcomes: readonly (Error | undefined)[], { stopAfter = Infinity } = {}) {
    const clock = fakeClock();
    const began = clock.now();
    const stop = new AbortController();
    const at: number[] = [];
    const running = tickPersistently(
      () => {
        at.push(clock.now() - began);
        if (at.length >= stopAfter) stop.abort();
        const outcome = outcomes[at.length - 1];
        return outcome === undefined ? Promise.resolve() : Promise.reject(outcome);
      },
      { clock, log, signal: stop.signal },
    );
    await clock.advance(300_000);
    await running;
    return at;
  }
  const failed = new DeliveryFailed('503');

  it('is retried within its minute', async () => {
    expect(await play([failed, failed, undefined])).toEqual([0, 1_000, 3_000]);
  });
  it('is retried no earlier than Retry-After, and after 5 minutes at most', async () => {
    const busy = new DeliveryFailed('503', 10_000);
    expect(await play([busy, busy, undefined])).toEqual([0, 10_000, 20_000]);
    expect(await play([new DeliveryFailed('503', 10), undefined])).toEqual([0, 1_000]);
    expect(await play([new DeliveryFailed('503', 3_600_000), undefined])).toEqual([0, 300_000]);
  });
  it('is not retried after four attempts', async () => {
    expect(await play([failed, failed, failed, failed, failed])).toEqual([0, 1_000, 3_000, 7_000]);
  });
  it('is not retried when it was refused', async () => {
    expect(await play([new DeliveryRefused('422'), undefined])).toEqual([0]);
  });
  it('is not retried after a stop', async () => {
    expect(await play([failed, undefined], { stopAfter: 1 })).toEqual([0]);
  });
});
