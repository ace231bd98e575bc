import type { CacheReference } from '#model/cache/cloud-event.ts';
import { concernsLedger } from '#model/desired/node-selector.ts';
import { batchOf, type ObservedChange } from '../queue/pending-changes.ts';
import type { Informer } from './informer.ts';
import type { ParsedCache } from './known-caches.ts';
import { createNodeSlots, inOrder, type KeyedCache } from './node-slots.ts';
import type { Queue } from '../queue/queue.ts';
import { createReminders, type Reminders } from './reminders.ts';
import { imageCaches, referenceOf, type Change } from './resource.ts';
import {
  isSignificant,
  type CacheProjection,
  type JobProjection,
  type NodeProjection,
  type PodProjection,
} from './significance.ts';

type Known<P> = Pick<Informer<P>, 'get' | 'keys'>;

/** What the router reads; functions, because informers need the router first. */
export type Routing = {
  readonly queue: Queue;
  readonly caches: () => Known<CacheProjection & ParsedCache>;
  readonly jobs: () => Known<JobProjection>;
  readonly nodes: () => Known<NodeProjection & Concerned>;
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
};

export function createRouter(routing: Routing): Router {
  const pods: KnownPods = { jobs: new Set(), ended: new Set(), counts: new Map() };
  const deadlines = createDeadlines(routing);
  const slots = createNodeSlots(routing);
  return {
    onCache: (change) => {
      if (change.verb === 'delete') pods.counts.delete(keyOf(change.reference));
      onCache(routing, change);
      refreshLater(routing, change);
    },
    onJob: (change) => {
      const isOver = change.verb === 'delete' && pods.ended.delete(keyOf(change.reference));
      if (!isOver && !isNewJob(routing, change, pods)) onJobOrPod(routing, change);
      if (change.verb === 'add') checkForPodLater(routing, change, pods);
      if (change.verb === 'add') checkDeadlineLater(routing, change, deadlines);
      if (change.current?.finished !== false) deadlines.forget(keyOf(change.reference));
    },
    onPod: (change) => {
      const { job, cache = '' } = change.current ?? change.previous ?? {};
      if (job !== undefined) recordPod(routing, pods, { job, pod: change.current });
      if (change.verb === 'add') pods.counts.set(cache, (pods.counts.get(cache) ?? 0) + 1);
      if (!isOfUnknownJob(routing, job)) onJobOrPod(routing, change);
      checkPodLater(routing, change, deadlines);
      slots.onPod(change);
    },
    onNode: (change) => {
      slots.onNode(change);
      onNode(routing, change);
    },
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

type JobsPod = { readonly job: string; readonly pod: PodProjection | undefined };

function recordPod({ jobs: known }: Routing, { jobs, ended }: KnownPods, { job, pod }: JobsPod): void {
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

/**
 * Reports a Node to the caches that select it now or did before. Nodes known at the start are not reported: every cache gets an
 * add event then, for which all Nodes are read.
 */
function onNode(routing: Routing, change: Change<NodeProjection & Concerned>): void {
  const { queue, nodes, isSynced } = routing;
  const { previous, current, reference } = change;
  if (!isSynced() || !isSignificant(previous, current)) return;
  const isStarting = current?.isReady === false && previous?.isReady !== true;
  const added = (key: string) => ({ of: 'nodes', batch: batchOf(cacheOf(key), observed(change)) }) as const;
  for (const key of concernedKeys(routing, change)) {
    if (isStarting)
      queue.addAfter(nodeStartTime, key, () => {
        const live = nodes().get(keyOf(reference));
        return live?.isReady === false && concerns(routing, key, { ...change, current: live }) ? added(key) : undefined;
      });
    else queue.add(key, 'nodes', added(key).batch);
  }
}

/** The projection of a Node together with the keys of the caches that selected it when it was received. */
export type Concerned = { readonly concerned: ReadonlySet<string> };

/** The keys of the caches that a change of a Node concerns, in the order in which they should start there. */
function concernedKeys(routing: Routing, change: Change<Concerned>): readonly string[] {
  const keys = [...routing.caches().keys()].filter((key) => concerns(routing, key, change));
  const parsed = keys.flatMap((key): readonly KeyedCache[] => {
    const cache = routing.caches().get(key)?.cache;
    return cache === undefined ? [] : [[key, cache]];
  });
  // Caches that cannot be read come last.
  return [...new Set([...inOrder(parsed, new Map()).map(([key]) => key), ...keys])];
}

function concerns({ caches }: Routing, key: string, { previous, current, reference }: Change<Concerned>): boolean {
  const isSelected = [previous, current].some((node) => node?.concerned.has(key) === true);
  const cache = caches().get(key)?.cache;
  return isSelected || (cache !== undefined && concernsLedger(cache, reference.name));
}

/** Milliseconds to wait for a new Node to become Ready: until then it changes several times and nothing can be pulled. */
const nodeStartTime = 5_000;

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

/**
 * Milliseconds after a deadline at which a Job is reported: times of Pods are in whole seconds, and a Pod is created some
 * time after its Job. Later ones are found by the tick.
 */
const deadlineMargins = [1_500, 6_000];

/** A Job or Pod of a cache that may miss a deadline. */
type Awaited = { readonly cache: string; readonly change: ObservedChange };

function createDeadlines({ queue, jobs, now }: Routing): Reminders<Awaited> {
  return createReminders({
    now,
    after: (ms, run) => {
      queue.addAfter(ms, '', () => {
        run();
        return undefined;
      });
    },
    remind: (job, { cache, change }) => {
      if (jobs().get(job)?.finished === false)
        queue.add(cache, 'work', batchOf(cacheOf(cache), { ...change, verb: 'update', isRemoval: false }));
    },
  });
}

/** Reports a Job that has not finished by its deadline. */
function checkDeadlineLater({ now }: Routing, change: Change<JobProjection>, deadlines: Reminders<Awaited>): void {
  const { cache, deadlineSeconds } = change.current ?? {};
  if (cache === undefined || deadlineSeconds === undefined || deadlineSeconds > longestTimer) return;
  const times = deadlineMargins.map((margin) => now() + deadlineSeconds * 1000 + margin);
  deadlines.add(keyOf(change.reference), { cache, change: observed(change) }, times);
}

/** Seconds; the tick enforces longer deadlines as exactly as they need it. */
const longestTimer = 3_600;

/** Reports a Pod that has just started at each of its deadlines, unless its Job has finished by then. */
function checkPodLater({ now }: Routing, change: Change<PodProjection>, deadlines: Reminders<Awaited>): void {
  const { previous, current } = change;
  if (current === undefined || (previous?.deadlines.length ?? 0) > 0) return;
  const { cache, job } = current;
  if (cache === undefined || job === undefined) return;
  const ahead = current.deadlines.filter((time) => time >= now() && time <= now() + longestTimer * 1000);
  const times = ahead.map((time) => time + podMargin);
  if (times.length > 0) deadlines.add(job, { cache, change: observed(change) }, times);
}

/** Milliseconds after a deadline at which a Pod is reported: a kubelet's clock may be a little ahead of ours. */
const podMargin = 1_000;

/** Milliseconds; refreshes that are due later are opened by the tick. */
const tickInterval = 60_000;

/** Reports a cache whose next refresh is due before the next tick. */
function refreshLater(
  { queue, caches, now }: Routing,
  { previous, current, ...change }: Change<CacheProjection>,
): void {
  const due = current?.nextRefresh;
  const wait = (due ?? Infinity) - now();
  if (due === undefined || due === previous?.nextRefresh || wait >= tickInterval) return;
  const key = keyOf(change.reference);
  queue.addAfter(Math.max(0, wait), key, () => {
    if (caches().get(key)?.nextRefresh !== due) return undefined;
    return {
      of: 'cache',
      batch: batchOf(change.reference, { ...observed({ previous, current, ...change }), verb: 'update' }),
    };
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
