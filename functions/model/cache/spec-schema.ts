import type { V1Toleration } from '@kubernetes/client-node';
import type { Serialized } from '#model/job/job-pod.ts';
import * as z from 'zod/mini';
import { ownEntry } from '#model/text/untrusted.ts';

/** Fields of the spec that settings, nodes or workloads have as well. */

export type PullPolicy = 'IfNotPresent' | 'Always';
export type RetentionPolicy = 'Delete' | 'Retain';
export type UnschedulablePolicy = 'Pull' | 'Skip';

/** Nodes that need the same images start in waves. Numbers of nodes, or percentages of the nodes that need the same. */
export type Rollout = {
  /** Nodes of the first wave. */
  readonly canaryNodes: number | string;
  /** How many nodes may pull for each one that has pulled; at least 1. */
  readonly growth: number;
  /** Label of nodes; each of its values grows from a node of its own. '' does not divide them. */
  readonly topologyKey: string;
  /** More failed nodes than this stop the rollout. */
  readonly maxFailedNodes: number | string;
  /** Least time between the end of a wave and the next one; 0: nodes start as soon as others have pulled. */
  readonly pauseSeconds: number;
};

export type NodeMatchExpression = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
};

export type Toleration = Serialized<V1Toleration>;

/** An absent or null field has its default: the API server drops empty fields, and old writers left nulls. */
export const withDefault = <T extends z.core.$ZodType>(schema: T, fallback: z.output<T>): z.ZodMiniType<z.output<T>> =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> => value ?? fallback),
  );

/** An absent or null field is undefined. */
export const optional = <T extends z.core.$ZodType>(schema: T): z.ZodMiniType<z.output<T> | undefined> =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> | undefined => value ?? undefined),
  );

export const texts = z.record(z.string(), z.string());
export const strings = z.array(z.string());

/** Epoch milliseconds. */
export const time = optional(
  z.pipe(
    z.string(),
    z.transform((text) => Date.parse(text)),
  ),
);

export const nodeMatchExpressions: z.ZodMiniType<readonly NodeMatchExpression[]> = withDefault(
  z.array(
    z.object({
      key: z.string(),
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
      values: withDefault(strings, []),
    }),
  ),
  [],
);

/** Which images, and on which nodes. */
const placed = z.object({
  images: withDefault(strings, []),
  nodeSelector: withDefault(texts, {}),
  nodeMatchExpressions,
});

export const toleration = z.object({
  key: z.exactOptional(z.string()),
  operator: z.exactOptional(z.string()),
  value: z.exactOptional(z.string()),
  effect: z.exactOptional(z.string()),
  tolerationSeconds: z.exactOptional(z.number()),
});

const selector = z.object({
  matchLabels: withDefault(texts, {}),
  matchExpressions: withDefault(
    z.array(
      z.object({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: withDefault(strings, []),
      }),
    ),
    [],
  ),
});

/** Enough for a rollback, and short enough that nodes do not fill up. */
const foundImageSeconds = 3600;

const imagesFrom = z.object({
  kinds: withDefault(strings, []),
  selector: withDefault(selector, { matchLabels: {}, matchExpressions: [] }),
  nodes: withDefault(z.enum(['Selected', 'AsPods']), 'Selected'),
  keepSeconds: withDefault(z.number(), foundImageSeconds),
});

const list = z.extend(placed, { imagesFrom: optional(imagesFrom) });

/**
 * Enough for large images, and less than the 15 minutes after which cluster-autoscaler replaces a node that is not
 * ready.
 */
const gateTimeoutSeconds = 600;

const numberOrPercentage = (min: number) =>
  z.union([z.int().check(z.minimum(min)), z.string().check(z.regex(/^([0-9][0-9]?|100)%$/))]);

const rolloutFields = {
  canaryNodes: withDefault(numberOrPercentage(1), 1),
  growth: withDefault(z.int().check(z.minimum(1), z.maximum(100)), 2),
  topologyKey: withDefault(z.string().check(z.maxLength(317)), ''),
  maxFailedNodes: withDefault(numberOrPercentage(0), '10%'),
  pauseSeconds: withDefault(z.int().check(z.minimum(0), z.maximum(86_400)), 0),
};

/** `spec.rollout` as an operator's setting, in which a field that does not exist is a mistake. */
export const rolloutSetting = z.strictObject(rolloutFields);

/** A year. */
const longestKeepSeconds = 31_536_000;

/** `spec` with its defaults. Fails for values that the CRD rejects. */
export const spec = z.object({
  cacheSpec: withDefault(z.array(list), []),
  imagePullSecrets: withDefault(z.array(z.object({ name: withDefault(z.string(), '') })), []),
  suspend: withDefault(z.boolean(), false),
  imagePullPolicy: optional(z.enum(['IfNotPresent', 'Always'])),
  pullDeadlineSeconds: optional(z.number()),
  refresh: optional(
    z.object({
      intervalSeconds: optional(z.number()),
      schedule: optional(z.string()),
      timeZone: withDefault(z.string(), 'Etc/UTC'),
    }),
  ),
  maxConcurrentNodes: optional(z.union([z.number(), z.string()])),
  rollout: optional(z.object(rolloutFields)),
  pullsPerNode: withDefault(z.number().check(z.minimum(1)), 1),
  tolerations: optional(z.array(toleration)),
  unschedulable: optional(z.enum(['Pull', 'Skip'])),
  podMetadata: withDefault(z.object({ labels: withDefault(texts, {}), annotations: withDefault(texts, {}) }), {
    labels: {},
    annotations: {},
  }),
  priorityClassName: optional(z.string()),
  serviceAccountName: optional(z.string()),
  jobRetentionPolicy: optional(z.enum(['Delete', 'Retain'])),
  warmGate: optional(z.object({ taintKey: z.string(), timeoutSeconds: withDefault(z.number(), gateTimeoutSeconds) })),
  keepSeconds: withDefault(z.int().check(z.minimum(0), z.maximum(longestKeepSeconds)), 0),
  deletionPolicy: withDefault(z.enum(['Retain', 'Purge']), 'Retain'),
});

/** A LabelSelector of metav1. */
export type LabelSelector = {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelRequirement[];
};

type LabelRequirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
};

/** The selector as a query of the API server has it: `app=web,tier in (a,b),!canary`. */
export const selectorText = ({ matchLabels, matchExpressions }: LabelSelector): string =>
  [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(requirementText),
  ].join();

function requirementText({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join()})`;
    case 'NotIn':
      return `${key} notin (${values.join()})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}

/** Whether an object with these labels is selected: NotIn matches a missing label, too. */
export const selectsLabels = (
  { matchLabels, matchExpressions }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean =>
  Object.entries(matchLabels).every(([key, value]) => ownEntry(labels, key) === value) &&
  matchExpressions.every((requirement) => matchesLabel(requirement, ownEntry(labels, requirement.key)));

/** Whether a label has what a requirement wants; undefined: the object does not have the label. */
export function matchesLabel(
  { operator, values }: Pick<LabelRequirement, 'operator' | 'values'>,
  label: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
  }
}
