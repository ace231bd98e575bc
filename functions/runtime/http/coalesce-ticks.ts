import { setTimeout as pause } from 'node:timers/promises';
import { RetryLater } from '#runtime/errors.ts';
import type { Context, Handler } from '#runtime/handler.ts';

/** How many ticks may be handled at once after a quiet time, and milliseconds until one more may. */
const burst = 5;
const interval = 1000;

/**
 * Handles ticks one at a time: those that arrive meanwhile share the next one, and a flood is handled once a second. A tick
 * names nothing, so that one which starts later does the work of all that wait, and anybody may send it where functions have no login.
 * It goes on when a sender hangs up, since others may share it, and ends when the process stops.
 */
export function coalesceTicks(handler: Handler, signal: AbortSignal): Handler {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  let [budget, countedAt] = [burst, performance.now()];

  const untilAllowed = (): number => {
    const now = performance.now();
    [budget, countedAt] = [Math.min(burst, budget + (now - countedAt) / interval), now];
    return budget >= 1 ? 0 : (1 - budget) * interval;
  };
  const turn = async (): Promise<void> => {
    try {
      await running.catch(() => undefined);
      const wait = untilAllowed();
      if (wait > 0) await pause(wait, undefined, { signal });
    } catch (cause) {
      throw new RetryLater('the process is stopping', interval, { cause });
    } finally {
      waiting = undefined;
    }
  };
  const next = async (context: Context): Promise<void> => {
    await turn();
    budget -= 1;
    running = handler({ type: 'tick' }, { ...context, signal });
    await running;
  };
  return (notice, context) => (notice.type === 'tick' ? (waiting ??= next(context)) : handler(notice, context));
}
