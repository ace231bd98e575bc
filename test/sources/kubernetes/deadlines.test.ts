import { describe, expect, it } from 'vitest';
import { createReminders } from '../../../sources/kubernetes/deadlines.ts';
import { fakeClock } from '../../support/fake-clock.ts';

function world() {
  const clock = fakeClock();
  const reminded: string[] = [];
  let timers = 0;
  const reminders = createReminders<string>({
    now: clock.now,
    after: (ms, run) => {
      timers += 1;
      clock.after(ms, run);
    },
    remind: (job, what) => void reminded.push(`${job} ${what}`),
  });
  return { clock, reminders, reminded, start: clock.now(), timers: () => timers };
}

describe('reminders', () => {
  it('come at each of their times', async () => {
    const { clock, reminders, reminded, start } = world();
    reminders.add('a', 'job', [start + 5_000, start + 1_000]);
    reminders.add('b', 'pod', [start + 1_000]);
    await clock.advance(999);
    expect(reminded).toEqual([]);
    await clock.advance(1);
    expect(reminded).toEqual(['a job', 'b pod']);
    await clock.advance(4_000);
    expect(reminded).toEqual(['a job', 'b pod', 'a job']);
    await clock.advance(3_600_000);
    expect(reminded).toHaveLength(3);
  });

  it('do not come for a Job that is forgotten', async () => {
    const { clock, reminders, reminded, start } = world();
    reminders.add('a', 'job', [start + 1_000]);
    reminders.add('a', 'pod', [start + 2_000]);
    reminders.forget('a');
    await clock.advance(3_000);
    expect(reminded).toEqual([]);
  });

  it('come in time if a later one was added first', async () => {
    const { clock, reminders, reminded, start } = world();
    reminders.add('a', 'late', [start + 2_000]);
    reminders.add('b', 'early', [start + 1_000]);
    await clock.advance(1_000);
    expect(reminded).toEqual(['b early']);
    await clock.advance(1_000);
    expect(reminded).toEqual(['b early', 'a late']);
  });

  it('of thousands of Jobs are a few timers', () => {
    const { reminders, start, timers } = world();
    for (let job = 0; job < 10_000; job += 1)
      reminders.add(`job-${job}`, 'job', [start + 300_000 + job, start + 600_000]);
    expect(timers()).toBe(1);
  });
});
