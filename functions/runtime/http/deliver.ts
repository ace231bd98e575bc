import { type FunctionName, type Notice, routes, tickRoutes } from '#model/cache/cloud-event.ts';
import { boundedLimiter } from '#runtime/api/limits.ts';
import type { Bounds } from '#runtime/bounds.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { logFailure } from '#runtime/log-failure.ts';
import type { ReceivedEvent } from './receive.ts';
import { type Answer, answerTo, done, sentence } from './respond.ts';

export type Deliver = typeof deliver;

/** Delivers events to functions, as many at once as the bound allows. A tick takes no place: it is shared by all that wait for it. */
export function createDeliver({ requests_at_work }: Bounds): Deliver {
  const enter = boundedLimiter(requests_at_work);
  return (event, to, context) =>
    event.notice.type === 'tick'
      ? deliver(event, to, context)
      : enter(() => deliver(event, to, context), context.signal);
}

/** Calls the function with one event and logs the outcome; errors are logged only here. */
async function deliver(
  event: ReceivedEvent,
  to: { readonly name: FunctionName; readonly handler: Handler },
  context: Context,
): Promise<Answer> {
  const { id, type, subject, trace } = event;
  const about = { id: short(id), type: short(type), subject: short(subject) };
  const log = context.log.child({ function: to.name, ...about, ...trace });
  if (!concerns(event.notice, to.name)) {
    log.debug('event is for another function');
    return done;
  }
  const begin = performance.now();
  const elapsed = (): number => Math.round(performance.now() - begin);
  try {
    await to.handler(event.notice, { ...context, log });
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
