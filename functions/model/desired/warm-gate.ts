import { labels, type CacheEvent } from '#model/cache/api.ts';
import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { isNeverSupported, isOptedOut, type Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import { exceededLimit } from './limits.ts';
import { desiredImages } from './desired-images.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** The removal of a startup taint from a node, and Events for the caches that timed out. */
export type GateRelease = {
  /** JSON patch that fails if the node or its taints have changed since they were read. */
  readonly patch: readonly JsonPatchOperation[];
  /** All images of the gated caches are there, so that the node gets the label `kubefledged.io/warm`. */
  readonly isWarm: boolean;
  readonly late: readonly { readonly cache: ImageCache; readonly event: CacheEvent }[];
};

export type JsonPatchOperation = {
  readonly op: 'test' | 'add' | 'remove';
  readonly path: string;
  readonly value?: unknown;
};

/**
 * The first of the node's startup taints that can be removed now; undefined if there is none. A taint stays while a
 * cache with that taint key selects the node, lacks images there and has not timed out. If no such cache selects the
 * node, the taint is removed.
 */
export function gateRelease(
  node: Node,
  caches: readonly ImageCache[],
  settings: Settings,
  now: number,
): GateRelease | undefined {
  if (node.isBeingDeleted) return undefined;
  // The operator's setting names the taints that may be removed; all others are ignored.
  const keys = new Set(node.taints.map(({ key }) => key).filter((key) => settings.warmGateTaints.includes(key)));
  for (const key of keys) {
    const gates = gatesOf(key, node, caches, settings, now);
    if (gates.some(({ state }) => state === 'waiting')) continue;
    if (gates.length === 0 && !isRegistered(node)) continue;
    const isWarm = gates.length > 0 && gates.every(({ state }) => state === 'warm');
    const late = gates.filter(({ state }) => state === 'late');
    return {
      patch: patchOf(node, key, isWarm),
      isWarm,
      late: late.map(({ cache }) => ({ cache, event: lateEvent(cache, node, settings) })),
    };
  }
  return undefined;
}

/** A warning if the cache has a warm gate that the operator has not enabled: not its taint key, or not its namespace. */
export function gateOffEvents({ spec, namespace }: ImageCache, settings: Settings): readonly CacheEvent[] {
  const { warmGateTaints, warmGateNamespaces } = settings;
  if (spec.warmGate === undefined) return [];
  const { taintKey } = spec.warmGate;
  const hasKey = warmGateTaints.includes(taintKey);
  if (hasKey && warmGateNamespaces.includes(namespace)) return [];
  const cause = hasKey
    ? `WARM_GATE_NAMESPACES does not include the namespace ${namespace}`
    : `WARM_GATE_TAINTS does not include the taint key ${taintKey}`;
  const message = `spec.warmGate has no effect: ${cause}`;
  return [{ type: 'Warning', reason: 'WarmGateOff', message, key: taintKey }];
}

type Gate = { readonly cache: ImageCache; readonly state: 'warm' | 'late' | 'waiting' };

function gatesOf(
  key: string,
  node: Node,
  caches: readonly ImageCache[],
  settings: Settings,
  now: number,
): readonly Gate[] {
  if (isNeverSupported(node) || isOptedOut(node)) return [];
  return caches.flatMap((cache): Gate[] => {
    const desired = isGated(cache, key, settings) ? desiredImages(cache, node, settings) : undefined;
    if (desired === undefined) return [];
    const entry = ownEntry(cache.status.nodes, node.name);
    if (entry?.state === 'Ready' && entry.id === node.id && entry.desiredHash === desired.hash)
      return [{ cache, state: 'warm' }];
    return [{ cache, state: now >= gateEnd(cache, node, settings) ? 'late' : 'waiting' }];
  });
}

/** Whether the cache gates nodes with this taint key. Caches that no longer pull, or may not hold nodes, do not. */
const isGated = (cache: ImageCache, key: string, { warmGateNamespaces, limits }: Settings): boolean =>
  cache.spec.warmGate?.taintKey === key &&
  warmGateNamespaces.includes(cache.namespace) &&
  !cache.spec.suspend &&
  !cache.isBeingDeleted &&
  !isPurged(cache) &&
  exceededLimit(cache, limits) === undefined;

/** When the cache holds the node no longer, in epoch milliseconds. */
export const gateEnd = (cache: ImageCache, node: Node, settings: Settings): number =>
  node.createdAt + timeoutSeconds(cache, settings) * 1000;

/** How long the cache holds a node, at most as long as the operator allows. */
function timeoutSeconds({ spec }: ImageCache, { limits }: Settings): number {
  const most = limits.warmGateTimeout === 0 ? Infinity : limits.warmGateTimeout / 1000;
  return Math.min(spec.warmGate?.timeoutSeconds ?? 0, most);
}

/**
 * Whether the node has its final labels. Before, cloud providers and autoscalers may add labels by which a cache
 * selects it.
 */
const isRegistered = (node: Node): boolean =>
  node.isReady && !node.taints.some(({ key }) => registrationTaints.has(key));

const registrationTaints: ReadonlySet<string> = new Set([
  'node.cloudprovider.kubernetes.io/uninitialized',
  'karpenter.sh/unregistered',
]);

/** Tests each taint before it is removed, because a JSON patch addresses taints by index. The last is removed first. */
function patchOf(node: Node, key: string, isWarm: boolean): readonly JsonPatchOperation[] {
  const indexes = node.taints.flatMap((taint, index) => (taint.key === key ? [index] : [])).toReversed();
  return [
    { op: 'test', path: '/metadata/uid', value: node.uid },
    ...indexes.flatMap((index): readonly JsonPatchOperation[] => [
      { op: 'test', path: `/spec/taints/${index}/key`, value: key },
      { op: 'remove', path: `/spec/taints/${index}` },
    ]),
    ...(isWarm ? [warmLabel(node)] : []),
  ];
}

const warmLabel = (node: Node): JsonPatchOperation =>
  Object.keys(node.labels).length === 0
    ? { op: 'add', path: '/metadata/labels', value: { [labels.warm]: 'true' } }
    : { op: 'add', path: `/metadata/labels/${labels.warm.replaceAll('/', '~1')}`, value: 'true' };

function lateEvent(cache: ImageCache, node: Node, settings: Settings): CacheEvent {
  const entry = ownEntry(cache.status.nodes, node.name);
  const state =
    entry === undefined ? 'not started' : [entry.state, entry.reason].filter((part) => part !== '').join(', ');
  return {
    type: 'Warning',
    reason: 'WarmGateTimeout',
    message: `The startup taint of node ${node.name} was removed after ${timeoutSeconds(cache, settings)} s without all images of this cache: ${state}`,
    key: node.id,
  };
}
