import { type FunctionName } from '#model/cache/cloud-event.ts';
import { failureKind } from '#runtime/errors.ts';
import type { Handler, Handlers } from '#runtime/handler.ts';
import type { Definitions, Meter } from './metrics.ts';

/** Metrics of the functions in a process. */
export const functionMetrics = {
  imagecache_events_handled_total: {
    type: 'counter',
    help: 'Events handled: done, retry (on purpose), rejected (never retried), error (retried). A tick counts once, and once more for each cache or node that failed in it',
    labels: ['function', 'outcome'],
  },
  imagecache_event_duration_seconds: {
    type: 'histogram',
    help: 'Seconds that a function worked on one event',
    labels: ['function'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30],
  },
  imagecache_registry_rest_seconds_total: {
    type: 'counter',
    help: 'Seconds that registries are left alone, because they throttle or do not answer, over all registries',
    labels: [],
  },
} as const satisfies Definitions<string>;
export type FunctionMetric = keyof typeof functionMetrics;

/** Counts how long registries are left alone. */
export const restMeter =
  (meter: Meter<FunctionMetric>): ((ms: number) => void) =>
  (ms) =>
    meter.record('imagecache_registry_rest_seconds_total', ms / 1000);

/** Wraps the handlers to count the outcome of each event. */
export const meteredHandlers = (handlers: Handlers, meter: Meter<FunctionMetric>): Handlers => ({
  reconcile: metered('reconcile', handlers, meter),
  'job-complete': metered('job-complete', handlers, meter),
  refresh: metered('refresh', handlers, meter),
  purge: metered('purge', handlers, meter),
});

function metered(name: FunctionName, handlers: Handlers, meter: Meter<FunctionMetric>): Handler {
  return async (notice, context) => {
    const begin = performance.now();
    const count = (outcome: string): void =>
      meter.record('imagecache_events_handled_total', 1, { function: name, outcome });
    const ended = (outcome: string): void => {
      count(outcome);
      meter.record('imagecache_event_duration_seconds', (performance.now() - begin) / 1000, { function: name });
    };
    try {
      await handlers[name](notice, { ...context, countFailure: (error) => count(outcomeOf(error)) });
      ended('done');
    } catch (error) {
      ended(outcomeOf(error));
      throw error;
    }
  };
}

function outcomeOf(error: unknown): string {
  const kind = failureKind(error);
  return kind === 'retry' || kind === 'rejected' ? kind : 'error';
}
