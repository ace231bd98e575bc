import type { SourceKind } from '#model/workload/image-sources.ts';
import type { RegistryBudget } from './registry-use.ts';
import type { TenantImages } from './tenancy.ts';
import type { PullPolicy, RetentionPolicy, Rollout, UnschedulablePolicy } from './spec-schema.ts';

/** The operator's settings from flags and environment, with defaults. Durations are milliseconds. */
export type Settings = {
  /** How long a pull may take: for a Pod to start, and then per image; 0 for no limit. Default 5 min. */
  readonly imagePullDeadline: number;
  /** Period of the automatic refresh; 0 disables it. Default 15 min. */
  readonly refreshFrequency: number;
  readonly imagePullPolicy: PullPolicy;
  /** serviceAccountName of pull and removal Pods; '' for the default of the namespace. */
  readonly serviceAccountName: string;
  /** priorityClassName of pull and removal Pods; '' for none. */
  readonly jobPriorityClassName: string;
  /** Whether finished pull Jobs are deleted or kept. */
  readonly jobRetentionPolicy: RetentionPolicy;
  /** Whether caches pull on cordoned nodes, unless their spec says otherwise. */
  readonly unschedulable: UnschedulablePolicy;
  /** How many pull Pods run at the same time over all caches; 0 for no limit. */
  readonly jobsMaxSurge: number;
  /** In which waves the nodes of a cache start; undefined: all at once. */
  readonly rollout: Rollout | undefined;
  /** What all caches together may use of a registry, by its name in references. */
  readonly registryBudgets: Readonly<Record<string, RegistryBudget>>;
  /** Maximum number of images, and so containers, per pull Job. Default 32. */
  readonly imagesPerJob: number;
  /** Image of the no-op that the containers of pull Jobs run. */
  readonly noopImage: string;
  /** Image of removal Jobs. */
  readonly removalImage: string;
  /** Whether removal Pods use the host network. */
  readonly imageDeleteJobHostNetwork: boolean;
  /** Keys of the startup taints that the warm gate may remove; empty disables it. */
  readonly warmGateTaints: readonly string[];
  /** Namespaces whose caches may hold nodes by the warm gate. */
  readonly warmGateNamespaces: readonly string[];
  readonly limits: Limits;
  /** Kinds that `spec.cacheSpec[].imagesFrom` may name; empty: none. */
  readonly workloadKinds: readonly SourceKind[];
  /** Least time in milliseconds between the rounds that workloads open for one cache. */
  readonly workloadRoundInterval: number;
  /** Namespaces whose Images of Knative get a cache and a status, `all` or none. */
  readonly knativeImages: readonly string[] | 'all';
  /** Namespace of this installation, where removal Jobs run. '' until the process has determined it. */
  readonly namespace: string;
  /** Path of the CRI socket on every node; '' derives it from the node's runtime. */
  readonly criSocketPath: string;
};

/** What one cache may ask for; 0 is no limit. */
export type Limits = {
  /** Images over all lists of a cache. */
  readonly images: number;
  /** Length of all their references together. */
  readonly imageBytes: number;
  /** Pull Pods of all caches on one node at once. */
  readonly podsPerNode: number;
  /** Of these, of the caches of one namespace. */
  readonly namespacePodsPerNode: number;
  /** Milliseconds. */
  readonly pullDeadline: number;
  /** Priority classes that a spec may name, that of the operator included. */
  readonly priorityClasses: readonly string[];
  /** Images that the caches of each namespace may have; undefined: any. */
  readonly tenantImages: TenantImages | undefined;
  /** Keys that labels and annotations of `spec.podMetadata` may have; `example.com/*` stands for all of a domain. */
  readonly podMetadataKeys: readonly string[];
  /** How long a node may be held, in milliseconds. */
  readonly warmGateTimeout: number;
};
