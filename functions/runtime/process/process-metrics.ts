import type { CallResult } from '#runtime/api/api.ts';
import { type Bound, type BoundName, boundNames, type Bounds, countedBounds, createBounds } from '#runtime/bounds.ts';
import type { Definitions, Meter, Metrics } from './metrics.ts';
import { version } from '#runtime/version.ts';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import { failureKind } from '#runtime/errors.ts';
import type { Context, Handler, Handlers } from '#runtime/handler.ts';

const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics of every process. */
export const processMetrics = {
  imagecache_build_info: { type: 'gauge', help: 'Always 1; its labels tell what runs', labels: ['version', 'node'] },
  imagecache_api_requests_total: {
    type: 'counter',
    help: 'Tries of calls to the API server by HTTP code; code none is a try that got no answer',
    labels: ['verb', 'resource', 'code'],
  },
  imagecache_api_request_duration_seconds: {
    type: 'histogram',
    help: 'Seconds from sending a try of a call to the head of its answer',
    labels: ['verb', 'resource'],
    buckets: durationBuckets,
  },
  imagecache_bound_limit: { type: 'gauge', help: 'The most that a process holds or does at once', labels: ['bound'] },
  imagecache_bound_used: { type: 'gauge', help: 'How much of it is in use, where that is counted', labels: ['bound'] },
  imagecache_bound_refusals_total: {
    type: 'counter',
    help: 'How often something was refused, or gave way, because of a bound',
    labels: ['bound'],
  },
} as const satisfies Definitions<string>;
export type ProcessMetric = keyof typeof processMetrics;

export function recordBuild(metrics: Pick<Metrics<ProcessMetric>, 'gauge'>): void {
  metrics.gauge('imagecache_build_info', () => [{ value: 1, labels: { version, node: process.version } }]);
}

/** Creates the bounds of a process, and reports them. */
export function meteredBounds(metrics: Metrics<ProcessMetric>): Bounds {
  const bounds = createBounds((bound) => metrics.record('imagecache_bound_refusals_total', 1, { bound }));
  const sample = (names: readonly BoundName[], value: (bound: Bound) => number) => () =>
    names.map((bound) => ({ value: value(bounds[bound]), labels: { bound } }));
  metrics.gauge(
    'imagecache_bound_limit',
    sample(boundNames, ({ limit }) => limit),
  );
  metrics.gauge(
    'imagecache_bound_used',
    sample(countedBounds(), ({ used }) => used()),
  );
  return bounds;
}

/** Records one try of a call to the API server. */
export const callMeter =
  (meter: Meter<ProcessMetric>) =>
  (result: CallResult): void => {
    const labels = callLabels(result.method, result.path);
    const code = result.code === undefined ? 'none' : String(result.code);
    meter.record('imagecache_api_requests_total', 1, { ...labels, code });
    meter.record('imagecache_api_request_duration_seconds', result.seconds, labels);
  };

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const resources: ReadonlySet<string> = new Set(
  'imagecaches imagecaches/status jobs pods nodes namespaces events leases secrets'.split(' '),
);

/** Kubernetes' verb and resource of a call; unknown resources are `other`, to bound the number of labels. */
function callLabels(method: string, path: string): { readonly verb: string; readonly resource: string } {
  const [route = '', query = ''] = path.split('?');
  const parts = route.split('/').slice(route.startsWith('/apis/') ? 4 : 3);
  const [plural = '', name, part] = parts[0] === 'namespaces' && parts.length > 2 ? parts.slice(2) : parts;
  const resource = part === undefined ? plural : `${plural}/${part}`;
  const isWatch = new URLSearchParams(query).get('watch') === 'true';
  const reading = isWatch ? 'watch' : name === undefined ? 'list' : 'get';
  return { verb: verbs[method] ?? reading, resource: resources.has(resource) ? resource : 'other' };
}

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
  imagecache_kube_fledged_controllers: {
    type: 'gauge',
    help: 'Controllers of kube-fledged that ran beside this product at the last tick',
    labels: [],
  },
} as const satisfies Definitions<string>;
export type FunctionMetric = keyof typeof functionMetrics;

/** Counts how long registries are left alone. */
export const restMeter =
  (meter: Meter<FunctionMetric>): ((ms: number) => void) =>
  (ms) =>
    meter.record('imagecache_registry_rest_seconds_total', ms / 1000);

/** Reports how many of kube-fledged's controllers the functions of this process have seen. */
export const observeKubeFledged = (
  metrics: Pick<Metrics<FunctionMetric>, 'gauge'>,
  { kubeFledged }: Pick<Context, 'kubeFledged'>,
): void => metrics.gauge('imagecache_kube_fledged_controllers', () => [{ value: kubeFledged?.count() ?? 0 }]);

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
