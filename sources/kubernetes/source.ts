import { randomUUID } from 'node:crypto';
import type { CloudEvent } from 'cloudevents';
import type { Logger } from 'pino';
import type { CacheReference } from '#model/cloud-event.ts';
import type { Api } from '#runtime/api-request.ts';
import type { Clock } from '../clock.ts';
import type { Sink } from '../sink.ts';
import { changeEvent } from '../to-event.ts';
import { batchOf, type Batch } from './batch.ts';
import { startInformer, type Informer } from './informer.ts';
import { createQueue, type Queue } from './queue.ts';
import { imageCaches, jobs, nodes, pods, referenceOf, type Resource } from './resource.ts';
import {
  isSignificant,
  type CacheProjection,
  type JobProjection,
  type PodProjection,
  type Projection,
} from './significance.ts';
import type { Change } from './store.ts';

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

/** Milliseconds after which a Job is looked at again if it has no Pod: then its Events tell why. */
const podless = 10_000;

/** Turns changes of ImageCaches, Jobs, Pods and Nodes into events. At start it tells of everything there is, but of Nodes: a cache that is added looks at all of them. */
export function startKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { api, sink, clock, log } = options;
  const stopping = new AbortController();
  const jobsWithPod = new Set<string>();
  let isOpen = false;

  const eventOf = eventMaker(api.server, clock);
  const queue = createQueue({
    clock,
    log,
    deliver: (batch) => sink(eventOf(batch), batch.change.object.kind),
    gap: (key) => (caches.get(key)?.large === true ? 5_000 : 1_000),
    isKnown: (key) => caches.get(key) !== undefined,
  });
  const start = <P>(
    resource: Resource<P>,
    onChange: (change: Change<P>) => void,
    onMissing?: () => void,
  ): Informer<P> =>
    startInformer(resource, {
      api,
      clock,
      log,
      signal: stopping.signal,
      onChange,
      ...(onMissing === undefined ? {} : { onMissing }),
    });

  const onCache = (change: Change<CacheProjection>): void => {
    const { previous, current, reference } = change;
    if (!isSignificant(previous, current)) return;
    queue.add(keyOf(reference), 'cache', batchOf(reference, { ...observed(change), generation: current?.generation }));
  };
  const onWork = (change: Change<JobProjection | PodProjection>): void => {
    const { previous, current } = change;
    const cache = (current ?? previous)?.cache;
    if (cache === undefined || !isSignificant(previous, current)) return;
    queue.add(cache, 'work', batchOf(cacheOf(cache), observed(change)));
  };
  const onJob = (change: Change<JobProjection>): void => {
    onWork(change);
    const cache = change.current?.cache;
    if (change.verb !== 'add' || cache === undefined) return;
    const key = keyOf(change.reference);
    queue.later(podless, cache, () => {
      if (jobsWithPod.has(key) || theJobs.get(key)?.finished !== false) return undefined;
      return { of: 'work', batch: batchOf(cacheOf(cache), { ...observed(change), verb: 'update' }) };
    });
  };
  const onPod = (change: Change<PodProjection>): void => {
    const job = (change.current ?? change.previous)?.job;
    if (job !== undefined && change.verb === 'delete') jobsWithPod.delete(job);
    if (job !== undefined && change.verb !== 'delete') jobsWithPod.add(job);
    onWork(change);
  };
  const onNode = (change: Change<Projection>): void => {
    if (!isOpen || !isSignificant(change.previous, change.current)) return;
    for (const key of caches.keys()) queue.add(key, 'nodes', batchOf(cacheOf(key), observed(change)));
  };

  const caches = start<CacheProjection>(imageCaches, onCache, options.onCrdMissing);
  const theJobs = start<JobProjection>(jobs, onJob);
  const informers = [caches, theJobs, start<PodProjection>(pods, onPod), start<Projection>(nodes, onNode)];
  const whenSynced = Promise.all(informers.map((informer) => informer.whenSynced)).then(() => {
    isOpen = true;
    queue.open();
  });
  return {
    synced: () => isOpen,
    whenSynced,
    cacheCount: caches.size,
    queue,
    stop: async () => {
      stopping.abort();
      await Promise.all([queue.stop(), ...informers.map((informer) => informer.stopped)]);
    },
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

const observed = ({ verb, reference, uid, resourceVersion }: Change<unknown>) => ({
  verb,
  object: reference,
  uid,
  resourceVersion,
});

const keyOf = ({ namespace, name }: CacheReference): string => `${namespace}/${name}`;

const cacheOf = (key: string): CacheReference => {
  const { namespace, name } = referenceOf(imageCaches, key);
  return { namespace, name };
};
