/** Objects of Jobs to be looked at again at certain times, unless the Job has ended by then. */
export type Reminders<T> = {
  /** Adds times in epoch milliseconds for an object of a Job. */
  readonly add: (job: string, reminded: T, times: readonly number[]) => void;
  readonly forget: (job: string) => void;
};

export type RemindersOptions<T> = {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Calls back once after so many milliseconds. */
  readonly after: (ms: number, run: () => void) => void;
  readonly remind: (job: string, reminded: T) => void;
};

type Entry<T> = { readonly reminded: T; readonly times: readonly number[] };

/** Milliseconds; times are rounded up to the next step, so that many are one timer. */
const step = 100;

/** Remembers a few words for each object, with one timer for all: thousands of Jobs wait at the same time, some for an hour. */
export function createReminders<T>({ now, after, remind }: RemindersOptions<T>): Reminders<T> {
  const entries = new Map<string, readonly Entry<T>[]>();
  let wakeAt = Infinity;
  const wakeBy = (time: number): void => {
    if (time >= wakeAt) return;
    wakeAt = time;
    after(Math.max(0, time - now()), () => {
      // A later wake replaced this one, or an earlier one has done its work.
      if (wakeAt === time) wake();
    });
  };
  const wake = (): void => {
    wakeAt = Infinity;
    const due: [string, T][] = [];
    let next = Infinity;
    for (const [job, known] of entries) {
      for (const { reminded, times } of known) if (times.some((time) => time <= now())) due.push([job, reminded]);
      const left = known.flatMap((entry) => later(entry, now()));
      if (left.length === 0) entries.delete(job);
      else if (left.length < known.length || left.some((entry, index) => entry !== known[index]))
        entries.set(job, left);
      for (const { times } of left) next = Math.min(next, ...times);
    }
    if (next < Infinity) wakeBy(next);
    for (const [job, reminded] of due) remind(job, reminded);
  };
  return {
    add: (job, reminded, times) => {
      const rounded = times.map((time) => Math.ceil(time / step) * step);
      entries.set(job, [...(entries.get(job) ?? []), { reminded, times: rounded }]);
      wakeBy(Math.min(...rounded));
    },
    forget: (job) => void entries.delete(job),
  };
}

/** What is left of an entry after a time; the same object if all is. */
function later<T>(entry: Entry<T>, now: number): readonly Entry<T>[] {
  const times = entry.times.filter((time) => time > now);
  if (times.length === entry.times.length) return [entry];
  return times.length === 0 ? [] : [{ ...entry, times }];
}
