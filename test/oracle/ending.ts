import * as z from 'zod/mini';
import type { Settings } from './history.ts';
import type { ObservedCache, ObservedJob, ObservedPod } from '../behaviour/observed.ts';

/** The end of a history as the rules read it: the objects in the cluster, the images on the nodes, and what was done. */
export type Ending = {
  readonly caches: readonly SeenCache[];
  readonly nodes: readonly SeenNode[];
  readonly jobs: readonly ObservedJob[];
  readonly pods: readonly ObservedPod[];
  /** Warnings about caches that no longer exist. */
  readonly warnings: readonly { readonly cache: string; readonly message: string }[];
  readonly record: HistoryRecord;
  /** Whether everything settled in time. */
  readonly isSettled: boolean;
  /** Objects that changed while nothing happened but ticks. */
  readonly changedWhenIdle: readonly string[];
  readonly writes: number;
  readonly complaints: readonly string[];
  /** Images, as `node image`, that may have arrived after their Pod was deleted: kubelets do not cancel pulls. */
  readonly late: ReadonlySet<string>;
  /** When nodes began to pull images for the product, in epoch milliseconds. */
  readonly pulls: readonly number[];
  /** How many of these may be within an hour; undefined if nothing is promised. */
  readonly pullsPerHour?: number | undefined;
};

export type SeenCache = Omit<ObservedCache, 'spec'> & { readonly spec: CacheSpec };
export type CacheSpec = z.infer<typeof spec>;

/** What was done to one cache, from its creation to its deletion. */
export type CacheLife = {
  readonly name: string;
  /** All images that it ever listed. */
  readonly listed: ReadonlySet<string>;
  /** Whether its images stay or are removed with it; unset while it exists. */
  readonly deletedWith?: 'Retain' | 'Purge';
  readonly requests: readonly Request[];
};

/** A request to a cache, by the number of its step, and whether everything had settled before it. */
export type Request = {
  readonly step: number;
  readonly type: 'create' | 'edit' | 'suspend' | 'resume' | 'refresh' | 'purge' | 'purge and refresh';
  readonly isSettled: boolean;
  /** Whether the cache had a status: requests before that are stale. */
  readonly isObserved: boolean;
};

export type HistoryRecord = {
  readonly steps: number;
  /** By the uid of the cache. */
  readonly lives: ReadonlyMap<string, CacheLife>;
  /** Images that Pods of users had on a node, and whether one still runs. */
  readonly used: readonly {
    readonly node: string;
    readonly machine: string;
    readonly image: string;
    readonly isRunning: boolean;
  }[];
  /** Images that were deleted on a node, by the number of the step. */
  /** `at` in epoch milliseconds. */
  readonly takenAway: readonly {
    readonly step: number;
    readonly node: string;
    readonly image: string;
    readonly at: number;
  }[];
  /** When the history had ended and everything had settled, in epoch milliseconds. */
  readonly endedAt: number;
};

const taint = z.object({ key: z.string(), effect: z._default(z.string(), '') });
const node = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), labels: z._default(z.record(z.string(), z.string()), {}) }),
  spec: z.prefault(
    z.object({ unschedulable: z._default(z.boolean(), false), taints: z._default(z.array(taint), []) }),
    {},
  ),
  status: z.prefault(
    z.object({
      conditions: z._default(z.array(z.object({ type: z.string(), status: z.string() })), []),
      nodeInfo: z.prefault(z.object({ kubeletVersion: z._default(z.string(), '') }), {}),
    }),
    {},
  ),
});

export type SeenNode = {
  readonly name: string;
  /** The uid of the Node. */
  readonly machine: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly isCordoned: boolean;
  readonly isReady: boolean;
  readonly hasDiskPressure: boolean;
  /** Kubelets since 1.35 remember for whom they pulled an image. */
  readonly keepsPullRecords: boolean;
  /** The keys of taints that keep Pods away, without those that Kubernetes sets by itself. */
  readonly taints: readonly string[];
  readonly images: ReadonlySet<string>;
};

export function seenNode(object: unknown, images: readonly string[]): SeenNode {
  const { metadata, spec, status } = node.parse(object);
  const is = (type: string): boolean => status.conditions.some((each) => each.type === type && each.status === 'True');
  return {
    name: metadata.name,
    machine: metadata.uid,
    labels: metadata.labels,
    isCordoned: spec.unschedulable,
    isReady: is('Ready'),
    hasDiskPressure: is('DiskPressure'),
    keepsPullRecords: Number(/^v1\.(\d+)/.exec(status.nodeInfo.kubeletVersion)?.[1]) >= 35,
    taints: spec.taints
      .filter(({ key, effect }) => effect !== 'PreferNoSchedule' && !key.startsWith('node.kubernetes.io/'))
      .map(({ key }) => key),
    images: new Set(images),
  };
}

const spec = z.object({
  cacheSpec: z.array(
    z.object({ images: z.array(z.string()), nodeSelector: z._default(z.record(z.string(), z.string()), {}) }),
  ),
  suspend: z._default(z.boolean(), false),
  unschedulable: z.optional(z.string()),
  tolerations: z.optional(z.array(z.unknown())),
  deletionPolicy: z._default(z.string(), 'Retain'),
  jobRetentionPolicy: z.optional(z.string()),
  rollout: z.optional(z.unknown()),
});

/** The cache with the settings of the product where its spec has none. */
export function seenCache(cache: ObservedCache, settings: Settings = {}): SeenCache {
  const given = spec.parse(cache.spec);
  const { unschedulable, jobRetentionPolicy } = { ...settings, ...given };
  return { ...cache, spec: { ...given, unschedulable, jobRetentionPolicy } };
}
