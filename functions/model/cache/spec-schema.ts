import * as z from 'zod/mini';
import { optional, placed, strings, texts, toleration, withDefault } from './schema-fields.ts';

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
  deletionPolicy: withDefault(z.enum(['Retain', 'Purge']), 'Retain'),
});
