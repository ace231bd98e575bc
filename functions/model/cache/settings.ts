/** What an operator set, by flag or environment, with every default filled in. Durations are milliseconds. */
export type Settings = {
  /** How long a pull may take: for a Pod that has not started, and per image for one that has. Default 5 min. */
  readonly imagePullDeadline: number;
  /** Period of the automatic refresh; 0 is off. Default 15 min. */
  readonly refreshFrequency: number;
  readonly imagePullPolicy: PullPolicy;
  /** serviceAccountName of pull and removal Pods; '' leaves the namespace's default. */
  readonly serviceAccountName: string;
  /** priorityClassName of pull and removal Pods; '' leaves it out. */
  readonly jobPriorityClassName: string;
  readonly jobRetentionPolicy: RetentionPolicy;
  /** How many nodes of one cache pull at once; 0 is no limit. */
  readonly jobsMaxSurge: number;
  /** How many images one Job pulls at the most, one container each. Default 32. */
  readonly imagesPerJob: number;
  /** The image whose program pull Jobs run. */
  readonly noopImage: string;
  /** The image of removal Jobs. */
  readonly removalImage: string;
  readonly imageDeleteJobHostNetwork: boolean;
  /** Keys of the startup taints that may be taken from nodes; none: the warm gate is off. */
  readonly warmGateTaints: readonly string[];
  /** What a purge takes from nodes: every image of the cache whoever pulled it, or only what nobody else has a name for. */
  readonly purge: PurgePolicy;
  /** Where this is installed: removal Jobs run there. '' until the process knows its own. */
  readonly namespace: string;
  /** Path of the CRI socket on every node; '' means by runtime. */
  readonly criSocketPath: string;
};

export type PullPolicy = 'IfNotPresent' | 'Always';
export type PurgePolicy = 'any' | 'own';
export type RetentionPolicy = 'Delete' | 'Retain';
