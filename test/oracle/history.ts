/** Where a node is, and which nodes a list of images is for. */
export const zones = ['a', 'b'] as const;
export type Zone = (typeof zones)[number];

/** The spec of a cache in a history: images and nodes by names that every kind of cluster translates. */
export type Spec = {
  readonly lists: readonly { readonly images: readonly string[]; readonly zone?: Zone }[];
  readonly deletionPolicy?: 'Retain' | 'Purge';
  readonly unschedulable?: 'Pull' | 'Skip';
  readonly jobRetentionPolicy?: 'Delete' | 'Retain';
  readonly maxConcurrentNodes?: number;
  readonly rollout?: { readonly canaryNodes: number; readonly maxFailedNodes: number | string };
  readonly pullDeadlineSeconds?: number;
  readonly imagePullPolicy?: 'IfNotPresent' | 'Always';
  /** Whether no taint is tolerated; by default all are. */
  readonly isIntolerant?: boolean;
};

/** What a user or a machine does. */
export type Action =
  | { readonly type: 'create' | 'edit'; readonly cache: string; readonly spec: Spec }
  | { readonly type: 'suspend'; readonly cache: string; readonly is: boolean }
  | { readonly type: 'refresh' | 'purge' | 'purge and refresh'; readonly cache: string; readonly by: Trigger }
  | { readonly type: 'delete'; readonly cache: string }
  | { readonly type: 'join' | 'label'; readonly node: string; readonly zone: Zone }
  | { readonly type: 'leave'; readonly node: string }
  | {
      readonly type: 'cordon' | 'taint' | 'opt out' | 'pressure' | 'not ready';
      readonly node: string;
      readonly is: boolean;
    }
  | { readonly type: 'use'; readonly pod: string; readonly node: string; readonly image: string }
  | { readonly type: 'release'; readonly pod: string }
  | { readonly type: 'take away'; readonly node: string; readonly image: string }
  | { readonly type: 'lose jobs' }
  | { readonly type: 'quota' | 'outage'; readonly is: boolean };

export type Trigger = 'annotation' | 'token';

/** An action, and what it waits for: milliseconds since the step before, or until nothing changes any more. */
export type Step = Action & { readonly after: number | 'settled' };

/** Settings of the product, where they are not the defaults. */
export type Settings = {
  readonly pullDeadlineSeconds?: number;
  readonly unschedulable?: 'Skip';
  readonly jobRetentionPolicy?: 'Retain';
  /** The budget of the registry that has all images. */
  readonly pullsPerHour?: number;
  /** For how many minutes, from the beginning on, that registry answers 429 to our questions. */
  readonly throttledMinutes?: number;
};

/** The registry of all images of a history that is played in virtual time. */
export const registry = 'registry.example';

/** The settings, the initial nodes and all steps, as JSON that can be played again. */
export type History = {
  readonly seed?: number;
  readonly settings?: Settings;
  readonly nodes: readonly { readonly name: string; readonly zone: Zone }[];
  readonly steps: readonly Step[];
};

/** The flags of the product for these settings. */
export const flagsOf = ({
  pullDeadlineSeconds,
  unschedulable,
  jobRetentionPolicy,
  pullsPerHour,
}: Settings): readonly string[] => [
  ...(pullsPerHour === undefined ? [] : [`--registry-budgets=${JSON.stringify({ [registry]: { pullsPerHour } })}`]),
  ...(pullDeadlineSeconds === undefined ? [] : [`--image-pull-deadline-duration=${pullDeadlineSeconds}s`]),
  ...(unschedulable === undefined ? [] : [`--unschedulable=${unschedulable}`]),
  ...(jobRetentionPolicy === undefined ? [] : [`--job-retention-policy=${jobRetentionPolicy}`]),
];

/** A history as lines to read. */
export const describeHistory = ({ settings = {}, nodes, steps }: History): readonly string[] => [
  `settings ${JSON.stringify(settings)}`,
  `nodes ${JSON.stringify(nodes)}`,
  ...steps.map((step, index) => `${String(index + 1).padStart(2)}. ${JSON.stringify(step)}`),
];
