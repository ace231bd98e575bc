import type { CloudEvent } from 'cloudevents';
import { notice, type FunctionName } from '#model/cache/cloud-event.ts';
import { ApiError, Rejected, RetryLater } from '#runtime/errors.ts';
import type { Context, Handlers } from '#runtime/handler.ts';
import { traceFields, type TraceFields } from '#runtime/http/trace-context.ts';
import { DeliveryFailed, DeliveryRefused, sinkPerFunction, type Sink } from './sink.ts';

/** What a function works with; its log is to carry the trace. */
type MakeContext = (name: FunctionName, trace: TraceFields) => Context;

/** Calls the functions in this very process, by the same rules as over HTTP. */
export function inProcessSink(handlers: Handlers, context: MakeContext): Sink {
  return sinkPerFunction((event, name) =>
    call(event, name, (told) => handlers[name](told, context(name, traceFields(event['traceparent'])))),
  );
}

async function call(
  event: CloudEvent<unknown>,
  name: FunctionName,
  handle: (told: Parameters<Handlers[FunctionName]>[0]) => Promise<void>,
): Promise<void> {
  const told = notice(event);
  if (told.type === 'invalid') throw new DeliveryRefused(`${name}: ${told.reason}`);
  try {
    await handle(told);
  } catch (error) {
    throw asDeliveryError(name, error);
  }
}

function asDeliveryError(name: FunctionName, cause: unknown): DeliveryFailed | DeliveryRefused {
  const message = `${name}: ${cause instanceof Error ? cause.message : String(cause)}`;
  if (cause instanceof Rejected) return new DeliveryRefused(message, { cause });
  if (cause instanceof RetryLater) return new DeliveryFailed(message, cause.afterMs, { cause });
  return new DeliveryFailed(message, cause instanceof ApiError ? cause.retryAfterMs : undefined, { cause });
}
