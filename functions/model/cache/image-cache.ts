import type { V1Toleration } from '@kubernetes/client-node';
import type { Serialized } from '#model/text/serialized.ts';
import type { KnownDigest } from './known-digest.ts';
import type { Round } from './round.ts';
import type { Ledger } from './ledger.ts';
import type { RemovalLedger } from './removal-ledger.ts';
import type { PullPolicy, RetentionPolicy } from './settings.ts';

/** An ImageCache as functions see it: every field present, times in epoch milliseconds. */
export type ImageCache = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly isBeingDeleted: boolean;
  readonly finalizers: readonly string[];
  /** When anybody last wrote its status, by the API server's clock; undefined if nobody has. */
  readonly statusWrittenAt: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** The stored status has former field names and is to be rewritten. */
  readonly hasFormerStatus: boolean;
  readonly spec: Spec;
  readonly status: Status;
};

export type Spec = {
  readonly lists: readonly ImageList[];
  readonly imagePullSecrets: readonly string[];
  readonly suspend: boolean;
  /** undefined leaves it to the operator's setting; so with all that may be undefined here. */
  readonly imagePullPolicy: PullPolicy | undefined;
  readonly pullDeadlineSeconds: number | undefined;
  /** Seconds from one refresh to the next; 0 is none by time. */
  readonly refreshSeconds: number | undefined;
  /** When to refresh, in cron's words; beats a period of the operator's. */
  readonly refreshSchedule: RefreshSchedule | undefined;
  /** A number of nodes, or a percentage of the nodes concerned such as `10%`. */
  readonly maxConcurrentNodes: number | string | undefined;
  readonly pullsPerNode: number;
  /** undefined tolerates every taint, as kube-fledged does; an empty list tolerates none. */
  readonly tolerations: readonly Toleration[] | undefined;
  readonly podMetadata: PodMetadata;
  readonly priorityClassName: string | undefined;
  readonly serviceAccountName: string | undefined;
  readonly jobRetentionPolicy: RetentionPolicy | undefined;
  readonly warmGate: WarmGate | undefined;
  /** Purge removes the images from all nodes before the cache goes. */
  readonly deletionPolicy: 'Retain' | 'Purge';
};

/** New nodes keep the taint of this key until the cache's images are there, or so many seconds old are they. */
export type WarmGate = { readonly taintKey: string; readonly timeoutSeconds: number };

/** Five fields as in cron or `@daily` and the like, and the IANA name of a time zone. */
export type RefreshSchedule = { readonly schedule: string; readonly timeZone: string };

/** One entry of `spec.cacheSpec`: images, and the nodes they are for. Both selectors must hold. */
export type ImageList = {
  readonly images: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly nodeMatchExpressions: readonly NodeMatchExpression[];
};

export type NodeMatchExpression = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
};

export type Toleration = Serialized<V1Toleration>;

export type PodMetadata = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

/** kube-fledged's words; '' is a cache that nobody has looked at yet. */
export const statusValues = [
  '',
  'Processing',
  'Succeeded',
  'Failed',
  'Aborted',
  'NoImagesPulledOrDeleted',
  'Unknown',
] as const;
export type StatusValue = (typeof statusValues)[number];

/** The status, less what is derived from it on the way out (counts, nodesReady). */
export type Status = {
  /** `Processing` says that a round is open; nothing else does. */
  readonly status: StatusValue;
  readonly reason: string;
  readonly message: string;
  readonly startTime: number | undefined;
  readonly completionTime: number | undefined;
  readonly failures: Failures;
  /** undefined in a cache that kube-fledged wrote, or that is new. */
  readonly observedGeneration: number | undefined;
  readonly conditions: readonly Condition[];
  /** Digest per image as a pull last reported it; images without one are absent. */
  readonly digests: Readonly<Record<string, string>>;
  /** What registries say of images that may move; others are absent. */
  readonly knownDigests: Readonly<Record<string, KnownDigest>>;
  readonly nodes: Ledger;
  /** What each `want` of the ledger stands for: indexes of the lists in `spec.cacheSpec`. */
  readonly desired: Readonly<Record<string, readonly number[]>>;
  readonly placements: readonly Placement[];
  /** What is to go from every node, and what has gone since the last round began. */
  readonly removals: RemovalLedger;
  /** The images that each `want` of the removals stands for. */
  readonly toRemove: Readonly<Record<string, readonly string[]>>;
  readonly round: Round | undefined;
  /** When the last round that pulls ended; epoch milliseconds. */
  readonly lastRefreshTime: number | undefined;
  /** When the next one opens by itself; undefined where none does. */
  readonly nextRefreshTime: number | undefined;
  /** The last value of the refresh token that was acted on; ''. */
  readonly lastHandledRefreshAt: string;
  /** The same of the purge token. */
  readonly lastHandledPurgeAt: string;
};

/** Per image, as spelled in the spec: which nodes could not get it, and why. */
export type Failures = Readonly<Record<string, readonly Failure[]>>;
export type Failure = { readonly node: string; readonly reason: string; readonly message: string };

export type Condition = {
  readonly type: 'Ready' | 'Reconciling' | 'Stalled';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: number;
};

/** Images that may still be on nodes: remembered from before the first Job of a generation until their removal has succeeded. */
export type Placement = {
  readonly images: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly nodeMatchExpressions: readonly NodeMatchExpression[];
  readonly sinceGeneration: number;
};

export const emptyStatus: Status = {
  status: '',
  reason: '',
  message: '',
  startTime: undefined,
  completionTime: undefined,
  failures: {},
  observedGeneration: undefined,
  conditions: [],
  digests: {},
  knownDigests: {},
  nodes: {},
  desired: {},
  placements: [],
  removals: {},
  toRemove: {},
  round: undefined,
  lastRefreshTime: undefined,
  nextRefreshTime: undefined,
  lastHandledRefreshAt: '',
  lastHandledPurgeAt: '',
};

/** Whether an operation is under way. */
export const isRoundOpen = (status: Status): boolean => status.status === 'Processing' && status.round !== undefined;
/** A purged cache stays empty until its spec changes or a refresh is asked for: no node gets a Job. */
export const isPurged = (cache: ImageCache): boolean => cache.status.round?.operation === 'Purge';
