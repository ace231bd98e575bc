import * as z from 'zod/mini';
import type { AnonymousPulls, KnownDigest } from './image-answers.ts';
import { type FoundImages, type ImagesFrom, nothingFound } from './found-images.ts';
import {
  type Decoded,
  always,
  list,
  map,
  number,
  oneOf,
  optional,
  record,
  required,
  sinceEpoch,
  text,
} from './codec.ts';
import {
  nodeMatchExpressions,
  toleration,
  type NodeMatchExpression,
  type PullPolicy,
  type RetentionPolicy,
  type Rollout,
  type Toleration,
  type UnschedulablePolicy,
} from './spec-schema.ts';
import type { RegistryUses } from './registry-use.ts';
import type { Round } from './round.ts';
import type { Ledger } from './ledger.ts';
import type { RemovalLedger } from './removal-ledger.ts';

/** A parsed ImageCache: every field is present, times are epoch milliseconds. */
export type ImageCache = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly isBeingDeleted: boolean;
  readonly finalizers: readonly string[];
  /** Time of the last write to its status, by the API server's clock; undefined if there was none. */
  readonly statusWrittenAt: number | undefined;
  /** Whether we wrote the status last, and another CRD has pruned it since: what it says of a spec may be of an earlier one. */
  readonly isStatusPruned: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  /** Time at which the writer of an annotation that requests a round last wrote, by the API server's clock, where it is known. */
  readonly annotatedAt: Readonly<Record<string, number>>;
  /** Format of the stored status, `none` if it names none, if it is one that this version does not read: it was discarded. */
  readonly discardedFormat: string | undefined;
  /** The images of workloads that are in the spec: those of the status, or what was found since. */
  readonly found: FoundImages;
  /** With the lists of found images after its own. */
  readonly spec: Spec;
  readonly status: Status;
};

export type Spec = {
  readonly lists: readonly ImageList[];
  readonly imagePullSecrets: readonly string[];
  /** Those of them that only workloads name. */
  readonly foundPullSecrets: readonly string[];
  readonly suspend: boolean;
  /** undefined here and below: the operator's setting applies. */
  readonly imagePullPolicy: PullPolicy | undefined;
  /** How long a pull may take, in seconds. */
  readonly pullDeadlineSeconds: number | undefined;
  /** Seconds between refreshes; 0: no periodic refresh. */
  readonly refreshSeconds: number | undefined;
  /** Cron schedule of refreshes; overrides the operator's period. */
  readonly refreshSchedule: RefreshSchedule | undefined;
  /** How many nodes pull at the same time: a number, or a percentage of the selected nodes such as `10%`. */
  readonly maxConcurrentNodes: number | string | undefined;
  /** In which waves nodes start; undefined: all at once. */
  readonly rollout: Rollout | undefined;
  /** How many Jobs pull at the same time on one node; at least 1. */
  readonly pullsPerNode: number;
  /** undefined tolerates every taint but those of the control plane; an empty list tolerates none. */
  readonly tolerations: readonly Toleration[] | undefined;
  /** Whether cordoned nodes pull. */
  readonly unschedulable: UnschedulablePolicy | undefined;
  readonly podMetadata: PodMetadata;
  readonly priorityClassName: string | undefined;
  readonly serviceAccountName: string | undefined;
  readonly jobRetentionPolicy: RetentionPolicy | undefined;
  readonly warmGate: WarmGate | undefined;
  /** Purge removes the images from all nodes before the cache is deleted. */
  /** For how long images stay on nodes after they have left the spec; not in a purge. */
  readonly keepSeconds: number;
  readonly deletionPolicy: 'Retain' | 'Purge';
};

/** New nodes keep the taint with this key until its images are present, or the node is older than `timeoutSeconds`. */
export type WarmGate = { readonly taintKey: string; readonly timeoutSeconds: number };

/** A cron expression of five fields or a macro such as `@daily`, and the IANA name of its time zone. */
export type RefreshSchedule = { readonly schedule: string; readonly timeZone: string };

/** One entry of `spec.cacheSpec`: images, and the nodes they are for. Both selectors must match. */
export type ImageList = NodeTerms & {
  readonly images: readonly string[];
  /** Workloads whose images are found for this list; they are in lists of their own. */
  readonly imagesFrom?: ImagesFrom | undefined;
  /** Whether it was made for images of workloads. */
  readonly isFound?: true;
};

/** Which nodes a list selects. */
export type NodeTerms = {
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly nodeMatchExpressions: readonly NodeMatchExpression[];
  /** Those of Pods that are to run there; undefined: taints do not matter. */
  readonly tolerations?: readonly Toleration[] | undefined;
};

export type PodMetadata = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

/** kube-fledged's values of `status.status`; '' before the first reconcile. */
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

/** The status without the fields derived from it when it is serialized (nodesReady, nodeCounts and others). */
export type Status = {
  /** `Processing` while a round is open, and between rounds while nodes that joined are served. */
  readonly status: StatusValue;
  readonly reason: string;
  readonly message: string;
  readonly startTime: number | undefined;
  /** End of the last round; undefined while one is open. */
  readonly completionTime: number | undefined;
  readonly failures: Failures;
  /** undefined if the cache is new, or kube-fledged wrote its status. */
  readonly observedGeneration: number | undefined;
  readonly conditions: readonly Condition[];
  /** Digest per image as the last pull reported it; images without one are absent. */
  readonly digests: Readonly<Record<string, string>>;
  /** Whether registries give an image to anyone, as far as it is known. */
  readonly anonymousPulls: AnonymousPulls;
  /** What registries returned for moving images; others are absent. */
  readonly knownDigests: Readonly<Record<string, KnownDigest>>;
  /** Images that their registries did not find when the round opened, sorted, as spelled in the spec: few nodes try them first. */
  readonly absentImages: readonly string[];
  readonly nodes: Ledger;
  /** Indexes of the lists in `spec.cacheSpec` by `desiredHash` of the ledger. */
  readonly desired: Readonly<Record<string, readonly number[]>>;
  /** What workloads named when the latest round opened. */
  readonly found: FoundImages;
  readonly placements: readonly Placement[];
  /** What must be removed from each node, and what was removed since the last round began. */
  readonly removals: RemovalLedger;
  /** The images to remove by `imagesHash` of the removal ledger. */
  readonly toRemove: Readonly<Record<string, readonly string[]>>;
  readonly round: Round | undefined;
  /** End of the last round that pulled. */
  readonly lastRefreshTime: number | undefined;
  /** Start of the next refresh; undefined if none is scheduled. */
  readonly nextRefreshTime: number | undefined;
  /** When the next wave of a rollout may start; undefined unless one pauses. */
  readonly nextWaveTime: number | undefined;
  /** What the cache has used of registries with a budget, and those that rest. */
  readonly registries: RegistryUses;
  /** Last handled value of the annotation refresh-requested-at; '' if there was none. */
  readonly lastHandledRefreshAt: string;
  /** Last handled value of the annotation purge-requested-at; '' if there was none. */
  readonly lastHandledPurgeAt: string;
};

const failure = record({ node: always(text), reason: always(text), message: always(text) });
export type Failure = Decoded<typeof failure>;

/** By image, as spelled in the spec: the nodes that could not pull it, and why. */
export const storedFailures = map(always(list(failure)));
export type Failures = Decoded<typeof storedFailures>;

export const condition = record({
  type: oneOf(['Ready', 'Reconciling', 'Stalled', 'Failing']),
  status: oneOf(['True', 'False', 'Unknown']),
  reason: always(text),
  message: always(text),
  observedGeneration: number,
  lastTransitionTime: sinceEpoch,
});
export type Condition = Decoded<typeof condition>;

/** Images that may be on nodes: recorded before the first Job of a generation, until their removal has succeeded. */
export const placement = record({
  images: always(list(required(z.string()))),
  nodeSelector: always(map(required(z.string()))),
  nodeMatchExpressions: required(nodeMatchExpressions),
  tolerations: optional(always(list(required(toleration)))),
  /** Generation of the spec that first had this list. */
  sinceGeneration: number,
  /** Indexes of this list in the spec of the latest round, as in `desired`; empty if it has left the spec. */
  lists: list(required(z.number())),
});
export type Placement = NodeTerms & Omit<Decoded<typeof placement>, keyof NodeTerms>;

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
  anonymousPulls: {},
  knownDigests: {},
  absentImages: [],
  nodes: {},
  desired: {},
  found: nothingFound,
  placements: [],
  removals: {},
  toRemove: {},
  round: undefined,
  lastRefreshTime: undefined,
  nextRefreshTime: undefined,
  nextWaveTime: undefined,
  registries: {},
  lastHandledRefreshAt: '',
  lastHandledPurgeAt: '',
};

/** Whether an operation is in progress. */
export const isRoundOpen = ({ status, round, completionTime }: Status): boolean =>
  status === 'Processing' && round !== undefined && completionTime === undefined;

/**
 * Whether the last operation was a purge: the cache then stays empty until its spec changes or a refresh is requested.
 */
export const isPurged = (cache: ImageCache): boolean => cache.status.round?.operation === 'Purge';

/** The cache with some fields of its status replaced. */
export const withStatus = (cache: ImageCache, fields: Partial<Status>): ImageCache => ({
  ...cache,
  status: { ...cache.status, ...fields },
});
