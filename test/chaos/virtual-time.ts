import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as realTurn } from 'node:timers/promises';

/** The owner of a task; when it is killed, its timers are removed. */
export type Owner = { readonly name: string; isDead: boolean };

type Timer = {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  readonly owner: Owner | undefined;
};

/** Time that advances only when all tasks of the current moment are done. */
export type VirtualTime = {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Runs a task once after this many milliseconds unless it is cancelled or its owner is dead; returns a function that cancels it. */
  readonly after: (ms: number, run: () => void, owner?: Owner) => () => void;
  /** The owner of the current task. */
  readonly owner: () => Owner | undefined;
  readonly as: <T>(owner: Owner, work: () => T) => T;
  /** Advances time until the work has ended. Throws its error, or if the work can never end. */
  readonly through: <T>(work: Promise<T>) => Promise<T>;
  readonly pass: (ms: number) => Promise<void>;
};

export function virtualTime(start: number): VirtualTime {
  const timers = heap();
  const owners = new AsyncLocalStorage<Owner>();
  let now = start;
  let order = 0;

  const after: VirtualTime['after'] = (ms, run, owner = owners.getStore()) => {
    const state = { isOff: false };
    const fire = (): void => {
      if (!state.isOff && owner?.isDead !== true) run();
    };
    order += 1;
    const at = now + Math.max(0, Number.isFinite(ms) ? ms : 0);
    const work = owner === undefined ? fire : () => owners.run(owner, fire);
    timers.push({ at, order, run: work, owner });
    return () => {
      state.isOff = true;
    };
  };

  /** One step: everything that is ready, then the next timer. */
  const step = async (until: number): Promise<boolean> => {
    await settled();
    const timer = timers.first();
    if (timer === undefined || timer.at > until) return false;
    timers.pop();
    now = Math.max(now, timer.at);
    timer.run();
    return true;
  };

  return {
    now: () => now,
    after,
    owner: () => owners.getStore(),
    as: (owner, work) => owners.run(owner, work),
    through: async (work) => {
      const state: { outcome?: 'resolved' | 'rejected' } = {};
      work.then(
        () => (state.outcome = 'resolved'),
        () => (state.outcome = 'rejected'),
      );
      for (;;) {
        const isMore = await step(Infinity);
        if (state.outcome !== undefined) return work;
        if (!isMore) throw new Error('time has come to a standstill');
      }
    },
    pass: async (ms) => {
      const until = now + ms;
      while (await step(until));
      now = until;
    },
  };
}

/** Promises and ticks are drained within one turn of the event loop; the second turn is for tasks that schedule a turn. */
async function settled(): Promise<void> {
  await realTurn();
  await realTurn();
}

/** A binary heap, ordered by time and then by creation of the timer. */
function heap() {
  const items: Timer[] = [];
  const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const swap = (i: number, j: number): boolean => {
    const [a, b] = [items[i], items[j]];
    if (a === undefined || b === undefined || !isBefore(b, a)) return false;
    [items[i], items[j]] = [b, a];
    return true;
  };
  const sink = (from: number): void => {
    for (let at = from; ;) {
      const [left, right] = [items[2 * at + 1], items[2 * at + 2]];
      if (left === undefined) return;
      const child = right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
      if (!swap(at, child)) return;
      at = child;
    }
  };
  return {
    first: () => items[0],
    push: (timer: Timer): void => {
      items.push(timer);
      for (let at = items.length - 1; at > 0 && swap((at - 1) >> 1, at);) at = (at - 1) >> 1;
    },
    pop: (): void => {
      const last = items.pop();
      if (last === undefined || items.length === 0) return;
      items[0] = last;
      sink(0);
    },
  };
}
