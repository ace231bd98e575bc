import type { CloudEvent } from 'cloudevents';
import { isAboutRemoval, routes, tickRoutes, tickType, type FunctionName } from '#model/cache/cloud-event.ts';

/**
 * Hands an event about an object of this kind to whom it concerns, and returns when all of them are done with it.
 * Throws `DeliveryFailed` where it must come again, `DeliveryRefused` where it never may.
 * The same event object given again goes only to those that have not taken it yet.
 */
export type Sink = (event: CloudEvent<unknown>, kind: string) => Promise<void>;

export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed';
  /** What the receiver asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';
}

/** A sink that sends to each function concerned by itself, one after another; one that fails does not keep the others from it. */
export function sinkPerFunction(send: (event: CloudEvent<unknown>, to: FunctionName) => Promise<void>): Sink {
  const done = new WeakMap<CloudEvent<unknown>, Set<FunctionName>>();
  return async (event, kind) => {
    const taken = done.get(event) ?? new Set();
    done.set(event, taken);
    const errors: unknown[] = [];
    for (const name of receivers(event, kind)) {
      if (taken.has(name)) continue;
      const error = await send(event, name).catch((thrown: unknown) => thrown ?? new DeliveryFailed('unknown'));
      if (error === undefined || error instanceof DeliveryRefused) taken.add(name);
      if (error !== undefined) errors.push(error);
    }
    const worst = errors.find((error) => !(error instanceof DeliveryRefused)) ?? errors[0];
    if (worst !== undefined)
      throw worst instanceof Error ? worst : new DeliveryFailed('unknown', undefined, { cause: worst });
  };
}

const receivers = (event: CloudEvent<unknown>, kind: string): readonly FunctionName[] =>
  event.type === tickType ? tickRoutes : routes(kind, isAboutRemoval(event));
