import type { CacheReference } from '#model/cache/cloud-event.ts';
import { batchOf, type ObservedChange } from './batch.ts';
import type { Informer } from './informer.ts';
import type { Queue } from './queue.ts';
import { imageCaches, referenceOf } from './resource.ts';
import {
  isSignificant,
  type CacheProjection,
  type JobProjection,
  type NodeProjection,
  type PodProjection,
} from './significance.ts';
import type { Change } from './store.ts';

type Known<P> = Pick<Informer<P>, 'get' | 'keys'>;

/** What the router looks things up in; functions, as informers need the router first. */
export type Routing = {
  readonly queue: Queue;
  readonly caches: () => Known<CacheProjection>;
  readonly jobs: () => Known<JobProjection>;
  readonly nodes: () => Known<NodeProjection>;
  /** Whether all that existed at the start is known. */
  readonly isSynced: () => boolean;
};

/** Takes every change of its kind and queues those that matter for the caches that they concern. */
export type Router = {
  readonly onCache: (change: Change<CacheProjection>) => void;
  readonly onJob: (change: Change<JobProjection>) => void;
  readonly onPod: (change: Change<PodProjection>) => void;
  readonly onNode: (change: Change<NodeProjection>) => void;
};

export function createRouter(routing: Routing): Router {
  const pods: PodsSeen = { jobs: new Set(), counts: new Map() };
  return {
    onCache: (change) => {
      if (change.verb === 'delete') pods.counts.delete(keyOf(change.reference));
      onCache(routing, change);
    },
    onJob: (change) => {
      if (!isNewJob(routing, change, pods)) onWork(routing, change);
      if (change.verb === 'add') lookLater(routing, change, pods);
    },
    onPod: (change) => {
      const { job, cache = '' } = change.current ?? change.previous ?? {};
      if (job !== undefined && change.verb === 'delete') pods.jobs.delete(job);
      if (job !== undefined && change.verb !== 'delete') pods.jobs.add(job);
      if (change.verb === 'add') pods.counts.set(cache, (pods.counts.get(cache) ?? 0) + 1);
      if (!isOfUnknownJob(routing, job)) onWork(routing, change);
    },
    onNode: (change) => {
      onNode(routing, change);
    },
  };
}

type PodsSeen = {
  /** Keys of the Jobs that have a Pod. */
  readonly jobs: Set<string>;
  /** How many Pods have come, by the key of their cache. */
  readonly counts: Map<string, number>;
};

function onCache({ queue }: Routing, change: Change<CacheProjection>): void {
  const { previous, current, reference } = change;
  const told = { ...observed(change), generation: current?.generation };
  if (isSignificant(previous, current)) queue.add(keyOf(reference), 'cache', batchOf(reference, told));
  else if (previous?.removals !== current?.removals)
    queue.add(keyOf(reference), 'removal', batchOf(reference, { ...told, isRemoval: true }));
}

function onWork({ queue }: Routing, change: Change<JobProjection | PodProjection>): void {
  const { previous, current } = change;
  const cache = (current ?? previous)?.cache;
  if (cache === undefined || !isSignificant(previous, current)) return;
  const isRemoval = (current ?? previous)?.isRemoval === true;
  queue.add(cache, isRemoval ? 'removal' : 'work', batchOf(cacheOf(cache), { ...observed(change), isRemoval }));
}

/** A Job without a Pod tells whoever has made it nothing: its Pod will, or its lack of one in a while. */
function isNewJob({ isSynced }: Routing, change: Change<JobProjection>, pods: PodsSeen): boolean {
  const isUnended = change.current?.finished === false;
  return change.verb === 'add' && isSynced() && isUnended && !pods.jobs.has(keyOf(change.reference));
}

/** The Pod of a Job that has gone goes after it, which was told; one that is ahead of its Job is told with it. */
const isOfUnknownJob = ({ isSynced, jobs }: Routing, job: string | undefined): boolean =>
  job !== undefined && isSynced() && jobs().get(job) === undefined;

/** Nodes that are there at the start concern nobody: every cache is told then, and looks at all of them. */
function onNode({ queue, caches, nodes, isSynced }: Routing, change: Change<NodeProjection>): void {
  const { previous, current, reference } = change;
  if (!isSynced() || !isSignificant(previous, current)) return;
  const isToCome = current?.isReady === false && previous?.isReady !== true;
  for (const key of caches().keys()) {
    const due = { of: 'nodes', batch: batchOf(cacheOf(key), observed(change)) } as const;
    if (!isToCome) queue.add(key, due.of, due.batch);
    else queue.later(unready, key, () => (nodes().get(keyOf(reference))?.isReady === false ? due : undefined));
  }
}

/** Milliseconds in which a Node that is not Ready may get so: nothing can be pulled there before, and until then it changes several times. */
const unready = 5_000;

/** Milliseconds after which a Job that has no Pod is looked at: by then its Events tell why. */
const podless = 10_000;

/** A Job without a Pod is told of in a while, unless the Job controller is still busy with others of its cache. */
function lookLater(routing: Routing, change: Change<JobProjection>, pods: PodsSeen): void {
  const { queue, jobs } = routing;
  const cache = change.current?.cache;
  if (cache === undefined) return;
  const key = keyOf(change.reference);
  const before = pods.counts.get(cache);
  queue.later(podless, cache, () => {
    if (pods.jobs.has(key) || jobs().get(key)?.finished !== false) return undefined;
    if (pods.counts.get(cache) !== before) {
      lookLater(routing, change, pods);
      return undefined;
    }
    const isRemoval = change.current?.isRemoval === true;
    const batch = batchOf(cacheOf(cache), { ...observed(change), verb: 'update', isRemoval });
    return { of: isRemoval ? 'removal' : 'work', batch };
  });
}

const observed = ({ verb, reference, uid, resourceVersion }: Change<unknown>): ObservedChange => ({
  verb,
  object: reference,
  uid,
  resourceVersion,
});

const keyOf = ({ namespace, name }: CacheReference): string => `${namespace}/${name}`;

function cacheOf(key: string): CacheReference {
  const { namespace, name } = referenceOf(imageCaches, key);
  return { namespace, name };
}
