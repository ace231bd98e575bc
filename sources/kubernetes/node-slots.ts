import { ownEntry } from '#model/text/untrusted.ts';
import { batchOf, type ObservedChange } from '../queue/pending-changes.ts';
import type { ParsedCache } from './known-caches.ts';
import type { Queue } from '../queue/queue.ts';
import { nodes, referenceOf, type Change } from './resource.ts';
import type { JobProjection, NodeProjection, PodProjection } from './significance.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { isNodeBusy, isUnsettled, waitsForRemoval, waitsForSurge } from '#model/cache/ledger.ts';

type Caches = { readonly get: (key: string) => ParsedCache | undefined; readonly keys: () => Iterable<string> };

export type SlotOptions = {
  readonly queue: Queue;
  readonly caches: () => Caches;
  readonly isSynced: () => boolean;
};

/** Wakes the caches that wait for a node: one for each pull Pod that has ended there, all for each removal. */
export type NodeSlots = {
  readonly onJob: (change: Change<JobProjection>) => void;
  readonly onPod: (change: Change<PodProjection>) => void;
  readonly onNode: (change: Change<NodeProjection>) => void;
};

type State = SlotOptions & {
  readonly versions: Map<string, Version>;
  /** Nodes with pull Pods. */
  readonly nodes: Map<string, NodeState>;
};

/** The last known state of a Node. */
type Version = Pick<ObservedChange, 'uid' | 'resourceVersion'>;

type NodeState = {
  /** Its pull Pods by key. */
  readonly pods: Map<string, KnownPod>;
  /** The most Pods with a slot while caches have been waiting. */
  peak: number;
  /** Keys of caches that were woken a moment ago. */
  readonly woken: Set<string>;
};

/** A Pod that has ended gives its slot away once its result is recorded, or when it is deleted. */
type KnownPod = { readonly namespace: string; readonly has: 'slot' | 'ended' | 'no slot' };

export function createNodeSlots(options: SlotOptions): NodeSlots {
  const state: State = { ...options, versions: new Map(), nodes: new Map() };
  return {
    onJob: (change) => {
      onJob(state, change);
    },
    onPod: (change) => {
      onPod(state, change);
    },
    onNode: ({ verb, reference: { name }, uid, resourceVersion }) => {
      if (verb === 'delete') state.versions.delete(name);
      else state.versions.set(name, { uid, resourceVersion });
    },
  };
}

function nodeOf({ nodes: known }: State, name: string): NodeState {
  const found = known.get(name);
  if (found !== undefined) return found;
  const node: NodeState = { pods: new Map(), peak: 0, woken: new Set() };
  known.set(name, node);
  return node;
}

/** Milliseconds after which to see whether the result of a Pod that has ended is recorded, and how often before its slot is given away. */
const [recordTime, maxWaits] = [200, 5] as const;

function onPod(state: State, { previous, current, reference }: Change<PodProjection>): void {
  const { node: name, isRemoval } = current ?? previous ?? {};
  if (name === undefined || isRemoval !== false) return;
  const key = `${reference.namespace}/${reference.name}`;
  const node = nodeOf(state, name);
  const known = node.pods.get(key);
  if (current === undefined) {
    node.pods.delete(key);
    if (known?.has !== 'no slot') wake(state, name, []);
    forgetIdle(state, name);
  } else if (!current.hasEnded) {
    node.pods.set(key, { namespace: reference.namespace, has: 'slot' });
    node.peak = Math.max(node.peak, slotsOf(node));
  } else if (known === undefined) node.pods.set(key, { namespace: reference.namespace, has: 'no slot' });
  else if (known.has === 'slot') {
    node.pods.set(key, { ...known, has: 'ended' });
    releaseLater(state, { name, key, cache: current.cache ?? '' }, 1);
  }
}

type EndedPod = { readonly name: string; readonly key: string; readonly cache: string };

/** Gives the slot of a Pod that has ended away once its result is recorded: until then decisions may count it. */
function releaseLater(state: State, pod: EndedPod, waits: number): void {
  const { name, key } = pod;
  state.queue.runAfter(recordTime, () => {
    const pods = state.nodes.get(name)?.pods;
    const known = pods?.get(key);
    if (pods === undefined || known?.has !== 'ended') return;
    const cache = state.caches().get(pod.cache)?.cache;
    const isPulling = cache !== undefined && ownEntry(cache.status.nodes, name)?.state === 'Pulling';
    if (isPulling && waits < maxWaits) {
      releaseLater(state, pod, waits + 1);
      return;
    }
    pods.set(key, { ...known, has: 'no slot' });
    wake(state, name, []);
  });
}

const slotsOf = ({ pods }: NodeState): number => [...pods.values()].filter(({ has }) => has === 'slot').length;

function forgetIdle({ nodes: known }: State, name: string): void {
  const node = known.get(name);
  if (node?.pods.size === 0 && node.woken.size === 0) known.delete(name);
}

/** Milliseconds after which a cache that was woken has started, or another one may try. */
const startTime = 1_500;

/** How often one slot is offered: others get it with the next Pod that ends, or with the tick. */
const maxTries = 5;

/**
 * Reports the node to the first of the caches that wait for it. If that has not started after a while, the next one may; if it
 * has, and fewer Pods pull than did before, there may be room for another one.
 */
function wake(state: State, name: string, tried: readonly string[]): void {
  const [node, version] = [state.nodes.get(name), state.versions.get(name)];
  if (node === undefined || version === undefined || !state.isSynced() || tried.length >= maxTries) return;
  const waiting = waitingFor(state, name);
  if (waiting.length === 0) node.peak = slotsOf(node);
  const idle = waiting.filter(([key]) => !node.woken.has(key));
  const next = idle.find(([key]) => !tried.includes(key)) ?? idle[0];
  if (next === undefined) return;
  const [key, cache] = next;
  const waits = nodeThatWaits(cache, name) ?? name;
  const change = changeOf(waits, state.versions.get(waits) ?? version);
  state.queue.add(key, 'nodes', batchOf({ namespace: cache.namespace, name: cache.name }, change));
  node.woken.add(key);
  state.queue.runAfter(startTime, () => {
    node.woken.delete(key);
    const known = state.caches().get(key)?.cache;
    const hasStarted = known === undefined || !waitsOn(known, waits);
    if (!hasStarted) wake(state, name, [...tried, key]);
    else if (slotsOf(node) < node.peak) wake(state, name, []);
    forgetIdle(state, name);
  });
}

/** Reports the node of a removal Job that has ended to all caches that wait for that: how many of them pull at once is limited there. */
function onJob(state: State, { previous, current }: Change<JobProjection>): void {
  const { isRemoval, node } = current ?? previous ?? {};
  const hasEnded = previous?.finished === false && current?.finished !== false;
  if (isRemoval !== true || node === undefined || !hasEnded) return;
  reportRemoved(state, node);
  // Who read the Job before it ended may not have recorded yet that it waits.
  state.queue.runAfter(startTime, () => {
    reportRemoved(state, node);
  });
}

function reportRemoved({ caches, versions, queue, isSynced }: State, name: string): void {
  const version = versions.get(name);
  if (version === undefined || !isSynced()) return;
  for (const key of caches().keys()) {
    const cache = caches().get(key)?.cache;
    const entry = cache && ownEntry(cache.status.nodes, name);
    if (cache === undefined || entry === undefined || !waitsForRemoval(entry)) continue;
    queue.add(key, 'nodes', batchOf({ namespace: cache.namespace, name: cache.name }, changeOf(name, version)));
  }
}

function waitingFor({ caches, nodes: known }: State, name: string): readonly KeyedCache[] {
  const waiting = [...caches().keys()].flatMap((key): readonly KeyedCache[] => {
    const cache = caches().get(key)?.cache;
    return cache !== undefined && nodeThatWaits(cache, name) !== undefined ? [[key, cache]] : [];
  });
  const pods = new Map<string, number>();
  for (const { namespace, has } of known.get(name)?.pods.values() ?? [])
    if (has !== 'no slot') pods.set(namespace, (pods.get(namespace) ?? 0) + 1);
  return inOrder(waiting, pods);
}

const changeOf = (name: string, { uid, resourceVersion }: Version): ObservedChange => ({
  verb: 'update',
  object: referenceOf(nodes, `/${name}`),
  uid,
  resourceVersion,
});

/** A cache under its key, "namespace/name". */
export type KeyedCache = readonly [key: string, cache: ImageCache];

/** The node of a cache that may start after a pull Pod has ended on `ended`: that one, or any that waits for all pull Pods. */
function nodeThatWaits(cache: ImageCache, ended: string): string | undefined {
  if (waitsOn(cache, ended)) return ended;
  return Object.entries(cache.status.nodes).find(([, entry]) => waitsForSurge(entry))?.[0];
}

/** Whether a cache waits on a node for pull Pods to end. */
function waitsOn({ status }: ImageCache, node: string): boolean {
  const entry = ownEntry(status.nodes, node);
  return entry !== undefined && (isNodeBusy(entry) || waitsForSurge(entry));
}

/**
 * Caches in the order in which they should be served: those that hold nodes by a warm gate first; then those of the namespace
 * with the fewest pull Pods on the node; then those with the fewest nodes left, so that caches finish one after another.
 */
export function inOrder(caches: readonly KeyedCache[], pods: ReadonlyMap<string, number>): readonly KeyedCache[] {
  const rank = ([, { spec, namespace, status }]: KeyedCache): readonly number[] => [
    spec.warmGate === undefined ? 1 : 0,
    pods.get(namespace) ?? 0,
    unsettledNodes(status),
  ];
  const ranked = caches.map((each) => ({ each, by: rank(each) }));
  const compare = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((order, value, index) => (order === 0 ? value - (b[index] ?? 0) : order), 0);
  return ranked.toSorted((a, b) => compare(a.by, b.by) || (a.each[0] < b.each[0] ? -1 : 1)).map(({ each }) => each);
}

/** Counted once for each version of a cache: it is asked for with each Pod that ends. */
const counts = new WeakMap<ImageCache['status'], number>();

function unsettledNodes(status: ImageCache['status']): number {
  const known = counts.get(status);
  if (known !== undefined) return known;
  const count = Object.values(status.nodes).filter(isUnsettled).length;
  counts.set(status, count);
  return count;
}
