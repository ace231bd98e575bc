import { type FunctionName, type Notice, routes, tickRoutes } from '#model/cache/cloud-event.ts';
import { boundedLimiter } from '#runtime/api/limits.ts';
import type { Bounds } from '#runtime/bounds.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { RetryLater } from '#runtime/errors.ts';
import { logFailure } from '#runtime/log-failure.ts';
import type { ReceivedEvent } from './receive.ts';
import { type Answer, answerTo, done, sentence } from './respond.ts';
import { setTimeout as pause } from 'node:timers/promises';

export type Deliver = typeof deliver;

/** Delivers events to functions, as many at once as the bound allows. A tick takes no place: it is shared by all that wait for it. */
export function createDeliver({ requests_at_work }: Bounds): Deliver {
  const enter = boundedLimiter(requests_at_work);
  return (event, name, handler, context) => {
    const work = (): Promise<Answer> => deliver(event, name, handler, context);
    return event.notice.type === 'tick' ? work() : enter(work, context.signal);
  };
}

/** Calls the function with one event and logs the outcome; errors are logged only here. */
async function deliver(event: ReceivedEvent, name: FunctionName, handler: Handler, context: Context): Promise<Answer> {
  const { id, type, subject, trace } = event;
  const about = { id: short(id), type: short(type), subject: short(subject) };
  const log = context.log.child({ function: name, ...about, ...trace });
  if (!concerns(event.notice, name)) {
    log.debug('event is for another function');
    return done;
  }
  const begin = performance.now();
  const elapsed = (): number => Math.round(performance.now() - begin);
  try {
    await handler(event.notice, { ...context, log });
    log.info({ status: 204, ms: elapsed() }, 'event handled');
    return done;
  } catch (error) {
    const answer = answerTo(error);
    logFailure(log, 'event', { status: answer.status, ms: elapsed(), error });
    return answer;
  }
}

/** Whether the function handles this kind of event; others are acknowledged, so that one Trigger can serve all functions. */
function concerns(notice: Notice, name: FunctionName): boolean {
  const concerned = notice.type === 'tick' ? tickRoutes : routes(notice.object.kind, notice.isRemoval === true);
  return concerned.some((each) => each === name);
}

const short = (text: string): string => sentence(text).slice(0, 256);

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
