import type { Spec } from '#model/cache/image-cache.ts';
import { type LedgerEntry, openings } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { criSocket, type Node } from '#model/node/node.ts';
import type { PullJobOrder } from '#model/pull/pull-job.ts';
import type { RemovalJobOrder } from '#model/removal/removal-job.ts';
import type { RemovalOrder } from '#model/removal/removal-result.ts';
import { digest, list, modernNode, node } from '../../functions/model/builders.ts';
import { installed, type Job, many, pull, removal } from '../helm/product-jobs.ts';

/** Every Job that the product can make with the settings that the chart does not render into the policy. */

/**
 * Values that a field may have, for each field of what a Job is made of: with a new field this file compiles only after it
 * has values, or `ignored` as it is not in a Job, or `rendered` as the policy is rendered for the same value.
 */
type Values<T, Apart extends string = never> = { readonly [Key in keyof T]-?: readonly T[Key][] | 'ignored' | Apart };

const specs: Values<Spec> = {
  lists: [[list(['app:1'])], [list(many)]],
  imagePullSecrets: [['regcred', 'other']],
  foundPullSecrets: [['found']],
  suspend: 'ignored',
  imagePullPolicy: ['IfNotPresent', 'Always'],
  pullDeadlineSeconds: [0, 1, 7200],
  refreshSeconds: 'ignored',
  refreshSchedule: 'ignored',
  maxConcurrentNodes: 'ignored',
  rollout: 'ignored',
  pullsPerNode: [10],
  tolerations: [[], [{ operator: 'Exists' }], [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }]],
  unschedulable: ['Pull', 'Skip'],
  podMetadata: [{ labels: {}, annotations: {} }],
  priorityClassName: ['', 'low', 'system-node-critical'],
  serviceAccountName: ['', 'puller'],
  jobRetentionPolicy: ['Delete', 'Retain'],
  warmGate: [{ taintKey: 'example.com/cold', timeoutSeconds: 600 }],
  keepSeconds: 'ignored',
  deletionPolicy: ['Retain', 'Purge'],
};

const settings: Values<Settings, 'rendered'> = {
  imagePullDeadline: [0, 1000, 3_600_000],
  refreshFrequency: 'ignored',
  imagePullPolicy: ['IfNotPresent', 'Always'],
  serviceAccountName: 'rendered',
  jobPriorityClassName: 'rendered',
  jobRetentionPolicy: ['Delete', 'Retain'],
  unschedulable: ['Pull', 'Skip'],
  jobsMaxSurge: 'ignored',
  rollout: 'ignored',
  registryBudgets: 'ignored',
  imagesPerJob: [1, 32],
  noopImage: 'rendered',
  removalImage: 'rendered',
  imageDeleteJobHostNetwork: 'rendered',
  warmGateTaints: 'ignored',
  warmGateNamespaces: 'ignored',
  limits: 'rendered',
  workloadKinds: 'ignored',
  workloadRoundInterval: 'ignored',
  knativeImages: 'ignored',
  namespace: 'rendered',
  criSocketPath: 'rendered',
};

const entries: Values<LedgerEntry> = {
  id: 'ignored',
  desiredHash: 'ignored',
  retainedHash: ['0123456789ab'],
  attempt: [1, 2, 3],
  rests: [5],
  state: 'ignored',
  reason: 'ignored',
  images: ['r', 'W', 'pw'],
  noop: ['p', 'W'],
  failingUntil: 'ignored',
  opening: openings,
  oneImagePerJob: [true],
  retryDeadline: [Date.UTC(2026, 10, 24, 12, 1)],
  hadImages: ['p'],
  copiesNoop: [true],
  topology: ['zone-a'],
  readyAt: 'ignored',
  lostAt: 'ignored',
  losses: 'ignored',
};

const orders: Values<Omit<PullJobOrder, 'cache' | 'node' | 'entry' | 'settings' | 'desired' | 'now'>> = {
  indexes: [[0], [1]],
  runAsUser: [1_000_650_000],
};

const removals: Values<RemovalOrder> = {
  remove: [['app:1'], many],
  keep: [[], [`other@${digest}`]],
};

const runtimes: Values<Omit<RemovalJobOrder, 'cache' | 'settings' | 'socket' | 'entry' | 'removal'>> = {
  node: [
    node(),
    node({ containerRuntime: 'containerd://2.1.4-k3s1' }),
    node({ kubeletVersion: 'v1.34.1+k0s' }),
    node({ containerRuntime: 'cri-o://1.34.0' }),
    node({ containerRuntime: 'docker://28.0.1' }),
    node({ hasDiskPressure: true }),
  ],
};

type Change = readonly [name: string, of: object];

/** One change for each value. */
const changesIn = (values: Readonly<Record<string, readonly unknown[] | string>>): readonly Change[] =>
  Object.entries(values).flatMap(([field, of]) =>
    typeof of === 'string' ? [] : of.map((value): Change => [`${field} ${nameOf(value)}`, { [field]: value }]),
  );

const nameOf = (value: unknown): string => JSON.stringify(value).slice(0, 60);

type PullOf = NonNullable<Parameters<typeof pull>[0]>;

const pullChanges: readonly (readonly [string, PullOf])[] = [
  ['nothing', {}],
  ...changesIn(specs).map(([name, spec]) => [`spec.${name}`, { spec }] as const),
  ...changesIn(settings).map(([name, of]) => [`settings.${name}`, { settings: of }] as const),
  ...changesIn(entries).map(([name, entry]) => [`entry.${name}`, { entry }] as const),
  ...changesIn(orders),
];

/** How a Job reads images, by what it is for. */
const ways: readonly (readonly [string, Node, Partial<LedgerEntry>])[] = [node(), modernNode()].flatMap((on) =>
  [undefined, ...openings].map(
    (opening) => [`${opening ?? 'pulls'} on ${on.containerRuntime}`, on, opening ? { opening } : {}] as const,
  ),
);

export const pullVariants: readonly (readonly [string, Job])[] = ways.flatMap(([way, on, entry]) =>
  pullChanges.map(
    ([name, of]) => [`${way} with ${name}`, pull({ ...of, on, entry: { ...entry, ...of.entry } })] as const,
  ),
);

export const removalVariants: readonly (readonly [string, Job])[] = [
  ...changesIn(removals).map(
    ([name, of]) => [name, removal({ removal: { remove: ['app:1'], keep: ['other:2'], ...of } })] as const,
  ),
  ...changesIn(settings).map(([name, of]) => [`settings.${name}`, removal({ settings: of })] as const),
  ...changesIn(specs).map(([name, of]) => [`spec.${name}`, removal({ spec: of })] as const),
  ...(runtimes.node === 'ignored' ? [] : runtimes.node).map(
    (on) =>
      [
        `on ${on.kubeletVersion} ${on.containerRuntime}`,
        removal({ node: on, socket: criSocket(on, installed()) ?? '' }),
      ] as const,
  ),
];
