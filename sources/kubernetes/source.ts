import { randomUUID } from 'node:crypto';
import type { CloudEvent } from 'cloudevents';
import type { Logger } from 'pino';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { type Meter, noMeter } from '#runtime/process/metrics.ts';
import { type Namespaces, withInstallation } from '#runtime/api/paths.ts';
import { traceFields } from '#runtime/http/receive.ts';
import type { Clock } from '../clock.ts';
import type { Sink } from '../sink/sink.ts';
import type { SourceMetric } from '../source-metrics.ts';
import { changeEvent, newTraceparent } from '../sink/to-event.ts';
import type { Batch } from '../queue/pending-changes.ts';
import { listAt, textAt } from './json.ts';
import { createKnownCaches, tryParse, type KnownCaches, type ParsedCache } from './known-caches.ts';
import { startInformer, type Informer, startInformers } from './informer.ts';
import {
  pullSeconds,
  type CacheProjection,
  type JobProjection,
  type NodeProjection,
  type PodProjection,
} from './significance.ts';
import { createQueue, type Queue } from '../queue/queue.ts';
import { imageCaches, jobs, nodes, pods, type Resource, type Change } from './resource.ts';
import { concernedCaches, type Concerned } from './concerned-caches.ts';
import { createRouter, type Router } from './router.ts';
import { workloads, type WorkloadOptions, type WorkloadProjection } from './workloads.ts';

export type KubernetesSourceOptions = {
  readonly api: Api;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default the whole cluster. */
  readonly within?: Within;
  /** Keys of the startup taints that the warm gate may remove; default none. */
  readonly warmGateTaints?: readonly string[];
  /** Kinds of workloads whose changes are reported to the caches that find images in them; default none. */
  readonly workloads?: WorkloadOptions;
  /** Called once when the cluster has no ImageCache CRD; the source continues as soon as it is installed. */
  readonly onCrdMissing?: () => void;
  readonly meter?: Meter<SourceMetric>;
};

/** Which namespaces are watched; Nodes are cluster-scoped. */
export type Within = {
  /** Namespaces of caches; empty means all. */
  readonly namespaces: Namespaces;
  /** Namespace of the Jobs that remove images. */
  readonly installation: string;
};

export type KubernetesSource = {
  /** Whether all existing objects are known and events are delivered. */
  readonly synced: () => boolean;
  /** Resolves when all resources have synced for the first time; never rejects. */
  readonly whenSynced: Promise<void>;
  /** Known ImageCaches by "namespace/name". */
  readonly caches: ReadonlyMap<string, ImageCache>;
  /** Increases with every change of one. */
  readonly revision: () => number;
  /** Ages in milliseconds of the nodes that have a startup taint of the warm gate. */
  readonly gatedNodes: () => readonly number[];
  readonly queue: Pick<Queue, 'depth' | 'age'>;
  /** Starts no more deliveries, aborts those in flight, and resolves when they have ended. */
  readonly stop: () => Promise<void>;
};

const noWorkloads: WorkloadOptions = { kinds: [], roundInterval: 0 };

/** Milliseconds between two deliveries of Job and Pod changes of one cache: each is followed by a status write, which is expensive for a large cache. */
const gap = (cache: CacheProjection | undefined): number => (cache?.large === true ? 5_000 : 1_000);

/** Turns changes of ImageCaches, Jobs, Pods and Nodes into events. At the start it reports every object except Nodes: an added cache observes all of them. */
export function startKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { api, sink, clock, log, meter = noMeter } = options;
  const stopping = new AbortController();
  let isSynced = false;
  const eventOf = eventMaker(api.server, clock);
  const queue = createQueue({
    clock,
    log,
    deliver: (batch, signal) => sink(eventOf(batch), batch.change.object.kind, signal),
    traceOf: (batch) => traceFields(eventOf(batch)['traceparent']),
    gap: (key) => gap(informers.caches.get(key)),
    isKnown: (key) => informers.caches.get(key) !== undefined,
  });
  const known = createKnownCaches({ clock, meter });
  const router = createRouter({
    queue,
    readable: known.caches,
    workloads: options.workloads ?? noWorkloads,
    caches: () => informers.caches,
    jobs: () => informers.jobs,
    nodes: () => informers.nodes,
    now: () => clock.now(),
    isSynced: () => isSynced,
  });
  const onPulled = (seconds: number): void => {
    // Pods that finished before this process started were counted by the previous one.
    if (isSynced) meter.record('imagecache_pull_pod_duration_seconds', seconds);
  };
  const informers = startAll(options, { router, known, onPulled }, stopping.signal);
  const all = Object.values(informers);
  const ofWorkloads = startWorkloads(options, router.onWorkload, stopping.signal);
  const whenSynced = Promise.all(all.map((informer) => informer.whenSynced)).then(() => {
    isSynced = true;
    queue.open();
  });
  return {
    synced: () => isSynced,
    whenSynced,
    caches: known.caches,
    revision: known.revision,
    gatedNodes: () => gatedAges(informers.nodes, clock.now()),
    queue,
    stop: async () => {
      stopping.abort();
      await Promise.all([queue.stop(), ...[...all, ...ofWorkloads].map((informer) => informer.stopped)]);
    },
  };
}

type Informers = {
  readonly caches: Informer<CacheProjection & ParsedCache>;
  readonly jobs: Informer<JobProjection>;
  readonly pods: Informer<PodProjection & Timed>;
  readonly nodes: Informer<NodeProjection & Concerned & Gated>;
};

/** Seconds that a succeeded pull Pod took. */
type Timed = { readonly pulled: number | undefined };

/** Epoch milliseconds of the creation of a node that has a startup taint of the warm gate; undefined for any other. */
type Gated = { readonly gatedSince: number | undefined };

type Receivers = {
  readonly router: Router;
  readonly known: KnownCaches;
  readonly onPulled: (seconds: number) => void;
};

const parsedCaches: Resource<CacheProjection & ParsedCache> = {
  ...imageCaches,
  project: (cache) => ({ ...imageCaches.project(cache), ...tryParse(cache) }),
};
const timedPods: Resource<PodProjection & Timed> = {
  ...pods,
  project: (pod) => ({ ...pods.project(pod), pulled: pullSeconds(pod) }),
};

function observedNodes(
  caches: KnownCaches['caches'],
  warmGateTaints: readonly string[],
): Resource<NodeProjection & Concerned & Gated> {
  const concernedBy = concernedCaches(caches);
  return {
    ...nodes,
    project: (node) => ({
      ...nodes.project(node),
      concerned: concernedBy(node),
      gatedSince: gatedSince(node, warmGateTaints),
    }),
  };
}

function gatedSince(node: unknown, keys: readonly string[]): number | undefined {
  const isGated = listAt(node, 'spec', 'taints').some((taint) => keys.includes(textAt(taint, 'key') ?? ''));
  return isGated ? Date.parse(textAt(node, 'metadata', 'creationTimestamp') ?? '') : undefined;
}

const gatedAges = (nodes: Informer<Gated>, now: number): readonly number[] =>
  [...nodes.keys()].flatMap((key) => {
    const since = nodes.get(key)?.gatedSince;
    return since === undefined ? [] : [now - since];
  });

function startAll(
  options: KubernetesSourceOptions,
  { router, known, onPulled }: Receivers,
  signal: AbortSignal,
): Informers {
  const { onCrdMissing, meter = noMeter, within } = options;
  const namespaces = within?.namespaces ?? [];
  const work = withInstallation(namespaces, within?.installation ?? '');
  const common = ({ plural }: Resource<unknown>) => ({
    ...{ api: options.api, clock: options.clock, log: options.log, signal },
    onRestart: (cause: string) => meter.record('imagecache_watch_restarts_total', 1, { resource: plural, cause }),
  });
  const onCache = (change: Change<CacheProjection & ParsedCache>): void => {
    known.onChange(change);
    router.onCache(change);
  };
  const onPod = (change: Change<PodProjection & Timed>): void => {
    const { previous, current } = change;
    if (current?.pulled !== undefined && previous?.pulled === undefined) onPulled(current.pulled);
    router.onPod(change);
  };
  const whenMissing = onCrdMissing === undefined ? {} : { onMissing: onCrdMissing };
  return {
    caches: startInformers(parsedCaches, namespaces, { ...common(imageCaches), ...whenMissing, onChange: onCache }),
    jobs: startInformers<JobProjection>(jobs, work, { ...common(jobs), onChange: router.onJob }),
    pods: startInformers(timedPods, work, { ...common(pods), onChange: onPod }),
    nodes: startInformer(observedNodes(known.caches, options.warmGateTaints ?? []), {
      ...common(nodes),
      onChange: router.onNode,
    }),
  };
}

/** Nothing waits for them to sync: a right or a kind may be missing. What exists at the start is read for each cache that is added. */
function startWorkloads(
  { workloads: { kinds } = noWorkloads, within, meter = noMeter, ...options }: KubernetesSourceOptions,
  onChange: (change: Change<WorkloadProjection>) => void,
  signal: AbortSignal,
): readonly Informer<WorkloadProjection>[] {
  // Each retry would be logged while a right is missing, which the status of each cache says.
  const quiet = options.log.child({}, { level: 'error' });
  return kinds.map((kind) => {
    let isReported = false;
    const onFailure = (): void => {
      if (!isReported)
        options.log.warn({ kind: kind.kind }, 'workloads cannot be watched: their changes are found with the tick');
      isReported = true;
    };
    const informer: Informer<WorkloadProjection> = startInformers(workloads(kind), within?.namespaces ?? [], {
      ...{ api: options.api, clock: options.clock, log: quiet, signal },
      onRestart: (cause) => {
        meter.record('imagecache_watch_restarts_total', 1, { resource: kind.plural, cause });
        if (cause === 'failed' && !informer.synced()) onFailure();
      },
      onChange: (change) => {
        if (informer.synced()) onChange(change);
      },
    });
    return informer;
  });
}

/** One event and one trace per batch, also over retries: receivers recognise it by its id. */
function eventMaker(server: string, clock: Clock): (batch: Batch) => CloudEvent<unknown> {
  const events = new WeakMap<Batch, CloudEvent<unknown>>();
  return (batch) => {
    const known = events.get(batch);
    if (known !== undefined) return known;
    const stamp = { id: randomUUID(), time: new Date(clock.now()), traceparent: newTraceparent() };
    const event = changeEvent(batch, server, stamp);
    events.set(batch, event);
    return event;
  };
}
