import { batchOf, type ObservedChange } from '../queue/pending-changes.ts';
import { cacheOf, keyOf, observed, type Change } from './resource.ts';
import type { Routing } from './router.ts';
import type { JobProjection, PodProjection } from './significance.ts';

/** Reports the Jobs and Pods that have not finished by their deadlines. */
export type Deadlines = {
  readonly onJob: (change: Change<JobProjection>) => void;
  readonly onPod: (change: Change<PodProjection>) => void;
};

/**
 * Milliseconds after a deadline at which a Job is reported: times of Pods are in whole seconds, and a Pod is created some
 * time after its Job. Later ones are found by the tick.
 */
const deadlineMargins = [1_500, 6_000];

/** Milliseconds after a deadline at which a Pod is reported: a kubelet's clock may be a little ahead of ours. */
const podMargin = 1_000;

/** Seconds; the tick enforces longer deadlines as exactly as they need it. */
const longestTimer = 3_600;

/** A Job or Pod of a cache that may miss a deadline. */
type Awaited = { readonly cache: string; readonly change: ObservedChange };

export function createDeadlines({ queue, jobs, now }: Routing): Deadlines {
  const reminders = createReminders<Awaited>({
    now,
    after: queue.runAfter,
    remind: (job, { cache, change }) => {
      if (jobs().get(job)?.finished === false)
        queue.add(cache, 'work', batchOf(cacheOf(cache), { ...change, verb: 'update', isRemoval: false }));
    },
  });
  return {
    onJob: (change) => {
      const { cache, deadlineSeconds = Infinity, finished } = change.current ?? {};
      const job = keyOf(change.reference);
      if (change.verb === 'add' && cache !== undefined && deadlineSeconds <= longestTimer) {
        const times = deadlineMargins.map((margin) => now() + deadlineSeconds * 1000 + margin);
        reminders.add(job, { cache, change: observed(change) }, times);
      }
      if (finished !== false) reminders.forget(job);
    },
    onPod: (change) => {
      const { cache, job, deadlines } = change.current ?? {};
      if (cache === undefined || job === undefined || deadlines === undefined) return;
      if ((change.previous?.deadlines.length ?? 0) > 0) return;
      const ahead = deadlines.filter((time) => time >= now() && time <= now() + longestTimer * 1000);
      const times = ahead.map((time) => time + podMargin);
      if (times.length > 0) reminders.add(job, { cache, change: observed(change) }, times);
    },
  };
}

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
