import { labels } from '#model/cache/api.ts';
import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import { isNeverSupported, type Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImages } from './desired-images.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** What opens a node: the patch that takes its startup taint away, and what is to be told of it to the caches that did not make it in time. */
export type GateRelease = {
  /** JSON patch that only holds if node and taints are those that were seen. */
  readonly patch: readonly JsonPatchOperation[];
  readonly isWarm: boolean;
  readonly late: readonly { readonly cache: ImageCache; readonly event: CacheEvent }[];
};

export type JsonPatchOperation = {
  readonly op: 'test' | 'add' | 'remove';
  readonly path: string;
  readonly value?: unknown;
};

export type GateInputs = { readonly caches: readonly ImageCache[]; readonly settings: Settings; readonly now: number };

/** The startup taints on a node that the operator lets be taken away: of nobody else's is ever looked at. */
const gateTaints = (node: Node, { warmGateTaints }: Settings): readonly string[] => [
  ...new Set(node.taints.map(({ key }) => key).filter((key) => warmGateTaints.includes(key))),
];

/**
 * The first of a node's startup taints that is to go now, with the label that says so where the images are there; undefined while it is held.
 * A node is held by every cache of the taint that selects it, until its images are there or its time is up; where none does, it is let go.
 */
export function gateRelease(node: Node, world: GateInputs): GateRelease | undefined {
  if (node.isBeingDeleted) return undefined;
  for (const key of gateTaints(node, world.settings)) {
    const gates = gatesOf(key, node, world);
    if (gates.some(({ state }) => state === 'waiting')) continue;
    if (gates.length === 0 && !isRegistered(node)) continue;
    const isWarm = gates.length > 0 && gates.every(({ state }) => state === 'warm');
    const late = gates.filter(({ state }) => state === 'late');
    return {
      patch: patchOf(node, key, isWarm),
      isWarm,
      late: late.map(({ cache }) => ({ cache, event: lateEvent(cache, node) })),
    };
  }
  return undefined;
}

/** A cache that waits for what the operator has not switched on is told so. */
export const gateOffEvents = ({ spec }: ImageCache, { warmGateTaints }: Settings): readonly CacheEvent[] =>
  spec.warmGate === undefined || warmGateTaints.includes(spec.warmGate.taintKey)
    ? []
    : [
        {
          type: 'Warning',
          reason: 'WarmGateOff',
          message: `spec.warmGate is not acted on: WARM_GATE_TAINTS does not name the taint ${spec.warmGate.taintKey}`,
          key: spec.warmGate.taintKey,
        },
      ];

type Gate = { readonly cache: ImageCache; readonly state: 'warm' | 'late' | 'waiting' };

function gatesOf(key: string, node: Node, world: GateInputs): readonly Gate[] {
  if (isNeverSupported(node)) return [];
  return world.caches.flatMap((cache) => {
    const want = holds(cache, key) ? desiredImages(cache, node, world.settings)?.hash : undefined;
    return want === undefined ? [] : [{ cache, state: gateState(cache, node, { want, now: world.now }) }];
  });
}

/** A cache that pulls nothing any more holds nobody up. */
const holds = (cache: ImageCache, key: string): boolean =>
  cache.spec.warmGate?.taintKey === key && !cache.spec.suspend && !cache.isBeingDeleted && !isPurged(cache);

function gateState(cache: ImageCache, node: Node, { want, now }: { want: string; now: number }): Gate['state'] {
  const entry = ownEntry(cache.status.nodes, node.name);
  if (entry?.state === 'Ready' && entry.id === node.id && entry.desiredHash === want) return 'warm';
  return now >= node.createdAt + timeoutOf(cache) * 1000 ? 'late' : 'waiting';
}

const timeoutOf = ({ spec }: ImageCache): number => spec.warmGate?.timeoutSeconds ?? 0;

/** While clouds and autoscalers still put labels on a node, that no cache selects it means nothing. */
const isRegistered = (node: Node): boolean => node.isReady && !node.taints.some(({ key }) => registering.has(key));

const registering: ReadonlySet<string> = new Set([
  'node.cloudprovider.kubernetes.io/uninitialized',
  'karpenter.sh/unregistered',
]);

/** Taints have no key in JSON, only a place, and others move them: each is tested before it goes, and the last goes first. */
function patchOf(node: Node, key: string, isWarm: boolean): readonly JsonPatchOperation[] {
  const places = node.taints.flatMap((taint, index) => (taint.key === key ? [index] : [])).toReversed();
  return [
    { op: 'test', path: '/metadata/uid', value: node.uid },
    ...places.flatMap((index): readonly JsonPatchOperation[] => [
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

function lateEvent(cache: ImageCache, node: Node): CacheEvent {
  const entry = ownEntry(cache.status.nodes, node.name);
  const state =
    entry === undefined ? 'not begun' : [entry.state, entry.reason].filter((word) => word !== '').join(', ');
  return {
    type: 'Warning',
    reason: 'WarmGateTimeout',
    message: `Node ${node.name} was let go after ${timeoutOf(cache)} s without all images of this cache: ${state}`,
    key: node.id,
  };
}
