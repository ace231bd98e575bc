import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../sources/clock.ts';

export type FakeClock = Clock & {
  /** Advances by this many milliseconds, and runs every timer at its time with everything that follows from it. */
  readonly advance: (ms: number) => Promise<void>;
};

/** Runs everything that is ready, including promises and their continuations. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}

/** A clock that only moves when it is advanced; `random` is constant unless given. */
export function fakeClock(random: () => number = () => 1 - Number.EPSILON): FakeClock {
  let now = Date.UTC(2026, 10, 24);
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const due = (until: number) => [...timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)[0];
  return {
    now: () => now,
    random,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.run();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}
