import type { Clock } from '../clock.ts';

/** A work queue of keys, each at most once at a time; a key that failed is retried with backoff. */
export type Queue = {
  readonly add: (key: string, afterMs?: number) => void;
  readonly stop: () => void;
};

type Waiting = { readonly due: number; readonly cancel: () => void };

/** Runs `look` for every key added, never from within `add`, so that changes keep their order. */
export const createQueue = (
  clock: Clock,
  look: (key: string) => void,
  failed: (key: string, error: unknown) => void,
): Queue => {
  const waiting = new Map<string, Waiting>();
  const failures = new Map<string, number>();
  const run = (key: string): void => {
    waiting.delete(key);
    try {
      look(key);
      failures.delete(key);
    } catch (error) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      failed(key, error);
      add(key, Math.min(60_000, 500 * 2 ** count));
    }
  };
  const add = (key: string, afterMs = 0): void => {
    const due = clock.now() + afterMs;
    const known = waiting.get(key);
    if (known !== undefined && known.due <= due) return;
    known?.cancel();
    waiting.set(key, { due, cancel: clock.after(afterMs, () => run(key)) });
  };
  return {
    add,
    stop: () => {
      for (const { cancel } of waiting.values()) cancel();
      waiting.clear();
    },
  };
};
