import type { ImageCache } from '#model/cache/image-cache.ts';
import { batchOf } from '../queue/pending-changes.ts';
import type { Queue } from '../queue/queue.ts';
import { onNode, type Concerned } from './concerned-caches.ts';
import { createDeadlines } from './deadlines.ts';
import type { Informer } from './informer.ts';
import type { ParsedCache } from './known-caches.ts';
import { createNodeSlots } from './node-slots.ts';
import { cacheOf, keyOf, observed, type Change } from './resource.ts';
import {
  isSignificant,
  type CacheProjection,
  type JobProjection,
  type NodeProjection,
  type PodProjection,
} from './significance.ts';
import { createWorkloadRouter, type WorkloadOptions, type WorkloadProjection } from './workloads.ts';

type Lookup<P> = Pick<Informer<P>, 'get' | 'keys'>;

/** What the router reads; functions, because informers need the router first. */
export type Routing = {
  readonly queue: Queue;
  readonly caches: () => Lookup<CacheProjection & ParsedCache>;
  readonly jobs: () => Lookup<JobProjection>;
  readonly nodes: () => Lookup<NodeProjection & Concerned>;
  /** The caches that can be read, by "namespace/name". */
  readonly readable: ReadonlyMap<string, ImageCache>;
  readonly workloads: WorkloadOptions;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether all objects that existed at the start are known. */
  readonly isSynced: () => boolean;
};

/** Receives all changes of each kind, and queues the significant ones for the caches they concern. */
export type Router = {
  readonly onCache: (change: Change<CacheProjection>) => void;
  readonly onJob: (change: Change<JobProjection>) => void;
  readonly onPod: (change: Change<PodProjection>) => void;
  readonly onNode: (change: Change<NodeProjection & Concerned>) => void;
  readonly onWorkload: (change: Change<WorkloadProjection>) => void;
};

export function createRouter(routing: Routing): Router {
  const pods: KnownPods = { jobs: new Set(), ended: new Set(), counts: new Map() };
  const deadlines = createDeadlines(routing);
  const slots = createNodeSlots(routing);
  return {
    onCache: (change) => {
      if (change.verb === 'delete') pods.counts.delete(keyOf(change.reference));
      onCache(routing, change);
      reportWhenDue(routing, change);
    },
    onJob: (change) => {
      const isOver = change.verb === 'delete' && pods.ended.delete(keyOf(change.reference));
      if (!isOver && !isNewJob(routing, change, pods)) onJobOrPod(routing, change);
      if (change.verb === 'add') checkForPodLater(routing, change, pods);
      deadlines.onJob(change);
      slots.onJob(change);
    },
    onPod: (change) => {
      const { job, cache = '' } = change.current ?? change.previous ?? {};
      if (job !== undefined) recordPod(routing, pods, job, change.current);
      if (change.verb === 'add') pods.counts.set(cache, (pods.counts.get(cache) ?? 0) + 1);
      if (!isOfUnknownJob(routing, job)) onJobOrPod(routing, change);
      deadlines.onPod(change);
      slots.onPod(change);
    },
    onNode: (change) => {
      slots.onNode(change);
      onNode(routing, change);
    },
    onWorkload: createWorkloadRouter(routing),
  };
}

type KnownPods = {
  /** Keys of the Jobs that have a Pod. */
  readonly jobs: Set<string>;
  /** Keys of the Jobs whose Pod has ended, which was reported: the deletion of such a Job is no news. */
  readonly ended: Set<string>;
  /** Pods added so far, by the key of their cache. */
  readonly counts: Map<string, number>;
};

function recordPod({ jobs: known }: Routing, { jobs, ended }: KnownPods, job: string, pod?: PodProjection): void {
  if (pod === undefined) {
    jobs.delete(job);
    return;
  }
  jobs.add(job);
  if (!pod.hasEnded) ended.delete(job);
  else if (known().get(job) !== undefined) ended.add(job);
}

function onCache({ queue }: Routing, change: Change<CacheProjection>): void {
  const { previous, current, reference } = change;
  const cacheChange = { ...observed(change), generation: current?.generation };
  if (isSignificant(previous, current)) queue.add(keyOf(reference), 'cache', batchOf(reference, cacheChange));
  else if (previous?.removals !== current?.removals)
    queue.add(keyOf(reference), 'removal', batchOf(reference, { ...cacheChange, isRemoval: true }));
}

function onJobOrPod({ queue }: Routing, change: Change<JobProjection | PodProjection>): void {
  const { previous, current } = change;
  const cache = (current ?? previous)?.cache;
  if (cache === undefined || !isSignificant(previous, current)) return;
  const isRemoval = (current ?? previous)?.isRemoval === true;
  queue.add(cache, isRemoval ? 'removal' : 'work', batchOf(cacheOf(cache), { ...observed(change), isRemoval }));
}

/** A new Job without a Pod needs no event: its Pod sends one, or the check for a missing Pod. */
function isNewJob({ isSynced }: Routing, change: Change<JobProjection>, pods: KnownPods): boolean {
  const isUnfinished = change.current?.finished === false;
  return change.verb === 'add' && isSynced() && isUnfinished && !pods.jobs.has(keyOf(change.reference));
}

/** Pods of unknown Jobs are ignored: a deleted Job was reported before its Pod, and a Pod seen before its Job is reported with it. */
const isOfUnknownJob = ({ isSynced, jobs }: Routing, job: string | undefined): boolean =>
  job !== undefined && isSynced() && jobs().get(job) === undefined;

/** Milliseconds after which a Job without a Pod is reported: by then its Events say why. */
const podTimeout = 10_000;

/** Reports a Job without a Pod after a while; waits again while the Job controller creates other Pods of the same cache. */
function checkForPodLater(routing: Routing, change: Change<JobProjection>, pods: KnownPods): void {
  const { queue, jobs } = routing;
  const cache = change.current?.cache;
  if (cache === undefined) return;
  const key = keyOf(change.reference);
  const before = pods.counts.get(cache);
  queue.addAfter(podTimeout, cache, () => {
    if (pods.jobs.has(key) || jobs().get(key)?.finished !== false) return undefined;
    if (pods.counts.get(cache) !== before) {
      checkForPodLater(routing, change, pods);
      return undefined;
    }
    const isRemoval = change.current?.isRemoval === true;
    const batch = batchOf(cacheOf(cache), { ...observed(change), verb: 'update', isRemoval });
    return { of: isRemoval ? 'removal' : 'work', batch };
  });
}

/** Milliseconds; what is due later is found by the tick. */
const longestTimer = 3_600_000;

/** Reports a cache when something is due. */
function reportWhenDue({ queue, caches, now }: Routing, change: Change<CacheProjection>): void {
  const { due = [] } = change.current ?? {};
  const key = keyOf(change.reference);
  for (const time of due) {
    const wait = Math.max(0, time - now());
    if (wait > longestTimer || change.previous?.due.includes(time) === true) continue;
    queue.addAfter(wait, key, () => {
      if (caches().get(key)?.due.includes(time) !== true) return undefined;
      return { of: 'cache', batch: batchOf(change.reference, { ...observed(change), verb: 'update' }) };
    });
  }
}
