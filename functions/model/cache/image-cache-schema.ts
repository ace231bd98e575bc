import * as z from 'zod/mini';
import { statusValues } from './image-cache.ts';
import { anonymousPulls } from './access.ts';
import { nodeStates, openings } from './ledger.ts';
import { removalStates, spareReasons } from './removal-ledger.ts';
import { operations, triggers } from './round.ts';

/** An absent or null field has its default: the API server drops empty fields, and old writers left nulls. */
const withDefault = <T extends z.core.$ZodType>(schema: T, fallback: z.output<T>) =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> => value ?? fallback),
  );
/** An absent or null field is undefined. */
const optional = <T extends z.core.$ZodType>(schema: T) =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> | undefined => value ?? undefined),
  );

const texts = z.record(z.string(), z.string());
const strings = z.array(z.string());
const time = optional(
  z.pipe(
    z.string(),
    z.transform((text) => Date.parse(text)),
  ),
);

const nodeMatchExpressions = withDefault(
  z.array(
    z.object({
      key: z.string(),
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
      values: withDefault(strings, []),
    }),
  ),
  [],
);

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

const placed = z.object({
  images: withDefault(strings, []),
  nodeSelector: withDefault(texts, {}),
  nodeMatchExpressions,
});

const list = z.extend(placed, { imagesFrom: optional(imagesFrom) });

const toleration = z.object({
  key: z.exactOptional(z.string()),
  operator: z.exactOptional(z.string()),
  value: z.exactOptional(z.string()),
  effect: z.exactOptional(z.string()),
  tolerationSeconds: z.exactOptional(z.number()),
});

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

const entry = z.object({
  id: z.string(),
  desiredHash: z.string(),
  retainedHash: optional(z.string()),
  attempt: withDefault(z.number(), 0),
  rests: withDefault(z.number(), 0),
  state: z.enum(nodeStates),
  reason: withDefault(z.string(), ''),
  pendingImages: optional(z.array(z.number())),
  failedImages: withDefault(z.array(z.number()), []),
  absentImages: withDefault(z.array(z.number()), []),
  failingImages: withDefault(z.array(z.number()), []),
  failingUntil: time,
  opening: optional(z.enum(openings)),
  lockedImages: optional(z.array(z.number())),
  oneImagePerJob: withDefault(z.boolean(), false),
  retryDeadline: time,
  holdsImages: withDefault(z.boolean(), false),
  copiesNoop: withDefault(z.boolean(), false),
  topology: optional(z.string()),
  finishedJobs: optional(
    z.object({
      imagesPerJob: z.number(),
      jobs: z.array(z.number()),
      failedImages: withDefault(z.array(z.number()), []),
      inconclusive: withDefault(z.boolean(), false),
    }),
  ),
});

const removal = z.object({
  id: z.string(),
  imagesHash: z.string(),
  round: withDefault(z.number(), 0),
  attempt: withDefault(z.number(), 0),
  state: z.enum(removalStates),
  reason: withDefault(z.string(), ''),
  message: withDefault(z.string(), ''),
  retryTime: time,
  removed: withDefault(z.number(), 0),
  absent: withDefault(z.number(), 0),
  spared: withDefault(z.number(), 0),
  freedBytes: withDefault(z.number(), 0),
  sparedImages: withDefault(
    z.array(z.object({ image: z.string(), reason: z.enum(spareReasons), by: withDefault(z.string(), '') })),
    [],
  ),
});

const failure = z.object({
  node: withDefault(z.string(), ''),
  reason: withDefault(z.string(), ''),
  message: withDefault(z.string(), ''),
});

const condition = z.object({
  type: z.enum(['Ready', 'Reconciling', 'Stalled', 'Failing']),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: withDefault(z.string(), ''),
  message: withDefault(z.string(), ''),
  observedGeneration: withDefault(z.number(), 0),
  lastTransitionTime: time,
});

/** An entry of `status.images`. */
export const image = z.object({
  image: z.string(),
  digest: withDefault(z.string(), ''),
  anonymousPull: optional(z.enum(anonymousPulls)),
  resolvedDigest: withDefault(z.string(), ''),
  unresolvedReason: withDefault(z.string(), ''),
  digestMismatch: withDefault(z.boolean(), false),
  lastUnresolvedPullTime: time,
  registryAnswer: optional(z.literal('NotFound')),
});

/** `status.imagesFrom`. */
export const found = z.object({
  lists: withDefault(
    z.array(
      z.object({
        list: z.number(),
        listHash: withDefault(z.string(), ''),
        placement: optional(
          z.object({
            nodeSelector: withDefault(texts, {}),
            nodeSelectorTerms: withDefault(z.array(z.object({ matchExpressions: nodeMatchExpressions })), []),
            tolerations: withDefault(z.array(toleration), []),
          }),
        ),
        images: withDefault(
          z.array(
            z.object({
              image: z.string(),
              workloads: withDefault(strings, []),
              workloadCount: withDefault(z.number(), 0),
              unnamedSince: time,
            }),
          ),
          [],
        ),
      }),
    ),
    [],
  ),
  imagePullSecrets: withDefault(z.array(z.object({ name: z.string(), unnamedSince: time })), []),
  recordedTime: time,
  problem: withDefault(z.string(), ''),
});

const round = z.object({
  requestedBy: optional(z.object({ annotation: z.string(), value: withDefault(z.string(), '') })),
  number: z.number(),
  operation: z.enum(operations),
  generation: z.number(),
  trigger: z.enum(triggers),
  startTime: time,
});

const registryUse = z.object({
  pulls: withDefault(z.number(), 0),
  pullsUntil: time,
  restsUntil: time,
  restSeconds: withDefault(z.number(), 0),
  restsAlone: withDefault(z.boolean(), false),
  restsByAnswer: withDefault(z.boolean(), false),
  pullsLeft: optional(z.number()),
  pullsLeftUntil: time,
  waitsUntil: time,
});

/** `status` as stored. Invalid fields count as absent: at worst, work is repeated. */
export const status = z.object({
  status: z.catch(withDefault(z.enum(statusValues), ''), 'Unknown'),
  reason: z.catch(withDefault(z.string(), ''), ''),
  message: z.catch(withDefault(z.string(), ''), ''),
  startTime: z.catch(time, undefined),
  completionTime: z.catch(time, undefined),
  failures: z.catch(withDefault(z.record(z.string(), z.array(failure)), {}), {}),
  observedGeneration: z.catch(optional(z.number()), undefined),
  conditions: z.catch(withDefault(z.array(condition), []), []),
  images: z.catch(withDefault(z.array(image), []), []),
  nodes: z.catch(withDefault(z.record(z.string(), entry), {}), {}),
  desired: z.catch(withDefault(z.record(z.string(), z.array(z.number())), {}), {}),
  // Not as if it were absent: the images of workloads would then be removed.
  imagesFrom: z.optional(z.unknown()),
  placements: z.catch(
    withDefault(
      z.array(
        z.extend(placed, {
          tolerations: z.exactOptional(z.array(toleration)),
          sinceGeneration: withDefault(z.number(), 0),
          lists: withDefault(z.array(z.number()), []),
        }),
      ),
      [],
    ),
    [],
  ),
  removals: z.catch(withDefault(z.record(z.string(), removal), {}), {}),
  toRemove: z.catch(withDefault(z.record(z.string(), strings), {}), {}),
  round: z.catch(optional(round), undefined),
  lastRefreshTime: z.catch(time, undefined),
  nextRefreshTime: z.catch(time, undefined),
  nextWaveTime: z.catch(time, undefined),
  registries: z.catch(withDefault(z.record(z.string(), registryUse), {}), {}),
  lastHandledRefreshAt: z.catch(withDefault(z.string(), ''), ''),
  lastHandledPurgeAt: z.catch(withDefault(z.string(), ''), ''),
});

/** An ImageCache as the API server sends it; the CRD documents the fields. */
export const imageCache = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: withDefault(z.number(), 0),
    deletionTimestamp: withDefault(z.string(), ''),
    annotations: withDefault(texts, {}),
    finalizers: withDefault(strings, []),
    managedFields: withDefault(z.array(z.object({ subresource: withDefault(z.string(), ''), time })), []),
  }),
  spec: optional(spec),
  status: optional(status),
});
