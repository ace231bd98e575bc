import type { CloudEvent } from 'cloudevents';
import { notice, type FunctionName, type Notice } from '#model/cache/cloud-event.ts';
import { ApiError, Rejected, RetryLater } from '#runtime/errors.ts';
import type { Context, Handlers } from '#runtime/handler.ts';
import { traceFields, type TraceFields } from '#runtime/http/receive.ts';
import { DeliveryFailed, DeliveryRefused, sinkPerFunction, type Sink } from './sink.ts';

/** Returns the context of one call; its log carries the trace, its signal is the one given. */
type ContextFor = (name: FunctionName, trace: TraceFields, signal: AbortSignal) => Context;

/** Calls the functions in this process, with the same semantics as over HTTP. */
export function inProcessSink(handlers: Handlers, contextFor: ContextFor): Sink {
  return sinkPerFunction((event, name, signal) =>
    call(event, name, (received) =>
      handlers[name](received, contextFor(name, traceFields(event['traceparent']), signal)),
    ),
  );
}

async function call(
  event: CloudEvent<unknown>,
  name: FunctionName,
  handle: (received: Notice) => Promise<void>,
): Promise<void> {
  const received = notice(event);
  if (received.type === 'invalid') throw new DeliveryRefused(`${name}: ${received.reason}`);
  try {
    await handle(received);
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
