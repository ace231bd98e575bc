import { randomUUID } from 'node:crypto';
import type { CloudEvent } from 'cloudevents';
import type { Logger } from 'pino';
import type { Api } from '#runtime/api-request.ts';
import type { Clock } from '../clock.ts';
import type { Sink } from '../sink.ts';
import { changeEvent } from '../to-event.ts';
import type { Batch } from './batch.ts';
import { startInformer, type Informer } from './informer.ts';
import { createQueue, type Queue } from './queue.ts';
import { imageCaches, jobs, nodes, pods } from './resource.ts';
import { createRouter, type Router } from './router.ts';
import type { CacheProjection, JobProjection, PodProjection, Projection } from './significance.ts';

export type KubernetesSourceOptions = {
  readonly api: Api;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once when the cluster has no ImageCache CRD; the source goes on as soon as it is there. */
  readonly onCrdMissing?: () => void;
};

export type KubernetesSource = {
  /** Whether all that exists is known, and events flow. */
  readonly synced: () => boolean;
  /** Resolves at the first sync of all; never rejects. */
  readonly whenSynced: Promise<void>;
  readonly cacheCount: () => number;
  readonly queue: Pick<Queue, 'depth' | 'age'>;
  /** Resolves when deliveries in flight have ended; none begins any more. */
  readonly stop: () => Promise<void>;
};

/** Milliseconds between two deliveries of Job and Pod changes of one cache: a status write follows each, and of a large cache it is dear. */
const gap = (cache: CacheProjection | undefined): number => (cache?.large === true ? 5_000 : 1_000);

/** Turns changes of ImageCaches, Jobs, Pods and Nodes into events. At start it tells of everything there is, but of Nodes: a cache that is added looks at all of them. */
export function startKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { api, sink, clock, log } = options;
  const stopping = new AbortController();
  let isSynced = false;
  const eventOf = eventMaker(api.server, clock);
  const queue = createQueue({
    clock,
    log,
    deliver: (batch) => sink(eventOf(batch), batch.change.object.kind),
    gap: (key) => gap(informers.caches.get(key)),
    isKnown: (key) => informers.caches.get(key) !== undefined,
  });
  const router = createRouter({
    queue,
    caches: () => informers.caches,
    jobs: () => informers.jobs,
    isSynced: () => isSynced,
  });
  const informers = startInformers(options, router, stopping.signal);
  const all = Object.values(informers);
  const whenSynced = Promise.all(all.map((informer) => informer.whenSynced)).then(() => {
    isSynced = true;
    queue.open();
  });
  return {
    synced: () => isSynced,
    whenSynced,
    cacheCount: informers.caches.size,
    queue,
    stop: async () => {
      stopping.abort();
      await Promise.all([queue.stop(), ...all.map((informer) => informer.stopped)]);
    },
  };
}

type Informers = {
  readonly caches: Informer<CacheProjection>;
  readonly jobs: Informer<JobProjection>;
  readonly pods: Informer<PodProjection>;
  readonly nodes: Informer<Projection>;
};

function startInformers(options: KubernetesSourceOptions, router: Router, signal: AbortSignal): Informers {
  const { api, clock, log, onCrdMissing } = options;
  const common = { api, clock, log, signal };
  const whenMissing = onCrdMissing === undefined ? {} : { onMissing: onCrdMissing };
  return {
    caches: startInformer<CacheProjection>(imageCaches, { ...common, ...whenMissing, onChange: router.onCache }),
    jobs: startInformer<JobProjection>(jobs, { ...common, onChange: router.onJob }),
    pods: startInformer<PodProjection>(pods, { ...common, onChange: router.onPod }),
    nodes: startInformer<Projection>(nodes, { ...common, onChange: router.onNode }),
  };
}

/** One event for one batch, however often it is tried: receivers then know it again by its id. */
function eventMaker(server: string, clock: Clock): (batch: Batch) => CloudEvent<unknown> {
  const events = new WeakMap<Batch, CloudEvent<unknown>>();
  return (batch) => {
    const event = events.get(batch) ?? changeEvent(batch, server, { id: randomUUID(), time: new Date(clock.now()) });
    events.set(batch, event);
    return event;
  };
}
