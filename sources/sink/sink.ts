import type { CloudEvent } from 'cloudevents';
import { isAboutRemoval, routes, tickRoutes, tickType, type FunctionName } from '#model/cache/cloud-event.ts';
import type { Meter } from '#runtime/process/metrics.ts';
import type { SourceMetric } from '../source-metrics.ts';

/**
 * Delivers an event about an object of this kind to its receivers, and returns when all of them have handled it.
 * Throws `DeliveryFailed` if the event must be sent again, `DeliveryRefused` if it must not.
 * The same event object sent again goes only to the receivers that have not accepted it. The signal aborts the delivery.
 */
export type Sink = (event: CloudEvent<unknown>, kind: string, signal: AbortSignal) => Promise<void>;

export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed';
  /** Milliseconds from the receiver's Retry-After. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';
}

type SendToFunction = (event: CloudEvent<unknown>, name: FunctionName, signal: AbortSignal) => Promise<void>;

/** A sink that sends to each function in turn; a failure of one does not stop delivery to the others. */
export function sinkPerFunction(send: SendToFunction): Sink {
  const acceptedBy = new WeakMap<CloudEvent<unknown>, Set<FunctionName>>();
  return async (event, kind, signal) => {
    const accepted = acceptedBy.get(event) ?? new Set();
    acceptedBy.set(event, accepted);
    const errors: unknown[] = [];
    for (const name of receivers(event, kind)) {
      if (accepted.has(name)) continue;
      signal.throwIfAborted();
      const error = await send(event, name, signal).catch((thrown: unknown) => thrown ?? new DeliveryFailed('unknown'));
      if (error === undefined || error instanceof DeliveryRefused) accepted.add(name);
      if (error !== undefined) errors.push(error);
    }
    const worst = errors.find((error) => !(error instanceof DeliveryRefused)) ?? errors[0];
    if (worst !== undefined)
      throw worst instanceof Error ? worst : new DeliveryFailed('unknown', undefined, { cause: worst });
  };
}

const receivers = (event: CloudEvent<unknown>, kind: string): readonly FunctionName[] =>
  event.type === tickType ? tickRoutes : routes(kind, isAboutRemoval(event));

/** The same sink, counting deliveries by outcome. */
export const meteredSink =
  (sink: Sink, meter: Meter<SourceMetric>): Sink =>
  async (event, kind, signal) => {
    const record = (outcome: string): void =>
      meter.record('imagecache_deliveries_total', 1, { kind: event.type === tickType ? 'tick' : kind, outcome });
    try {
      await sink(event, kind, signal);
      record('delivered');
    } catch (error) {
      record(error instanceof DeliveryRefused ? 'refused' : 'retry');
      throw error;
    }
  };
