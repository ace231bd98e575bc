import * as z from 'zod/mini';
import { statusValues } from './image-cache.ts';
import { nodeStates } from './ledger.ts';
import { removalStates, spareReasons } from './removal-ledger.ts';
import { operations, triggers } from './round.ts';

/** An absent or null field is its default: the API server drops what is empty, and old writers leave nulls. */
const or = <T extends z.core.$ZodType>(schema: T, fallback: z.output<T>) =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> => value ?? fallback),
  );
const maybe = <T extends z.core.$ZodType>(schema: T) =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> | undefined => value ?? undefined),
  );

const texts = z.record(z.string(), z.string());
const strings = z.array(z.string());
const time = maybe(
  z.pipe(
    z.string(),
    z.transform((text) => Date.parse(text)),
  ),
);

const list = z.object({
  images: or(strings, []),
  nodeSelector: or(texts, {}),
  nodeMatchExpressions: or(
    z.array(
      z.object({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
        values: or(strings, []),
      }),
    ),
    [],
  ),
});

const toleration = z.object({
  key: z.exactOptional(z.string()),
  operator: z.exactOptional(z.string()),
  value: z.exactOptional(z.string()),
  effect: z.exactOptional(z.string()),
  tolerationSeconds: z.exactOptional(z.number()),
});

/** Enough for large images, and well before cluster-autoscaler counts a node as broken: 15 minutes. */
const gateTimeoutSeconds = 600;

/** `spec` as written, with its defaults: what the CRD would have refused does not read. */
export const spec = z.object({
  cacheSpec: or(z.array(list), []),
  imagePullSecrets: or(z.array(z.object({ name: or(z.string(), '') })), []),
  suspend: or(z.boolean(), false),
  imagePullPolicy: maybe(z.enum(['IfNotPresent', 'Always'])),
  pullDeadlineSeconds: maybe(z.number()),
  refresh: maybe(
    z.object({ intervalSeconds: maybe(z.number()), schedule: maybe(z.string()), timeZone: or(z.string(), 'Etc/UTC') }),
  ),
  maxConcurrentNodes: maybe(z.union([z.number(), z.string()])),
  pullsPerNode: or(z.number().check(z.minimum(1)), 1),
  tolerations: maybe(z.array(toleration)),
  podMetadata: or(z.object({ labels: or(texts, {}), annotations: or(texts, {}) }), { labels: {}, annotations: {} }),
  priorityClassName: maybe(z.string()),
  serviceAccountName: maybe(z.string()),
  jobRetentionPolicy: maybe(z.enum(['Delete', 'Retain'])),
  warmGate: maybe(z.object({ taintKey: z.string(), timeoutSeconds: or(z.number(), gateTimeoutSeconds) })),
  deletionPolicy: or(z.enum(['Retain', 'Purge']), 'Retain'),
});

const entry = z.object({
  id: z.string(),
  desiredHash: z.string(),
  attempt: or(z.number(), 0),
  state: z.enum(nodeStates),
  reason: or(z.string(), ''),
  pendingImages: maybe(z.array(z.number())),
  failedImages: or(z.array(z.number()), []),
  oneImagePerJob: or(z.boolean(), false),
  copiesNoop: or(z.boolean(), false),
  finishedJobs: maybe(
    z.object({
      imagesPerJob: z.number(),
      jobs: z.array(z.number()),
      failedImages: or(z.array(z.number()), []),
      inconclusive: or(z.boolean(), false),
    }),
  ),
});

const removal = z.object({
  id: z.string(),
  imagesHash: z.string(),
  round: or(z.number(), 0),
  attempt: or(z.number(), 0),
  state: z.enum(removalStates),
  reason: or(z.string(), ''),
  message: or(z.string(), ''),
  removed: or(z.number(), 0),
  absent: or(z.number(), 0),
  spared: or(z.number(), 0),
  freedBytes: or(z.number(), 0),
  sparedImages: or(z.array(z.object({ image: z.string(), reason: z.enum(spareReasons), by: or(z.string(), '') })), []),
});

const failure = z.object({ node: or(z.string(), ''), reason: or(z.string(), ''), message: or(z.string(), '') });

const condition = z.object({
  type: z.enum(['Ready', 'Reconciling', 'Stalled']),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: or(z.string(), ''),
  message: or(z.string(), ''),
  observedGeneration: or(z.number(), 0),
  lastTransitionTime: time,
});

/** An entry of `status.images`. */
export const image = z.object({
  image: z.string(),
  digest: or(z.string(), ''),
  resolvedDigest: or(z.string(), ''),
  unresolvedReason: or(z.string(), ''),
  digestMismatch: or(z.boolean(), false),
  lastUnresolvedPullTime: time,
});

const round = z.object({
  requestedBy: maybe(z.object({ annotation: z.string(), value: or(z.string(), '') })),
  number: z.number(),
  operation: z.enum(operations),
  generation: z.number(),
  trigger: z.enum(triggers),
  startTime: time,
});

/** `status` as stored. What does not read counts as not there: the worst that follows is that work is done again. */
export const status = z.object({
  status: z.catch(or(z.enum(statusValues), ''), 'Unknown'),
  reason: z.catch(or(z.string(), ''), ''),
  message: z.catch(or(z.string(), ''), ''),
  startTime: z.catch(time, undefined),
  completionTime: z.catch(time, undefined),
  failures: z.catch(or(z.record(z.string(), z.array(failure)), {}), {}),
  observedGeneration: z.catch(maybe(z.number()), undefined),
  conditions: z.catch(or(z.array(condition), []), []),
  images: z.catch(or(z.array(image), []), []),
  nodes: z.catch(or(z.record(z.string(), entry), {}), {}),
  desired: z.catch(or(z.record(z.string(), z.array(z.number())), {}), {}),
  placements: z.catch(or(z.array(z.extend(list, { sinceGeneration: or(z.number(), 0) })), []), []),
  removals: z.catch(or(z.record(z.string(), removal), {}), {}),
  toRemove: z.catch(or(z.record(z.string(), strings), {}), {}),
  round: z.catch(maybe(round), undefined),
  lastRefreshTime: z.catch(time, undefined),
  nextRefreshTime: z.catch(time, undefined),
  lastHandledRefreshAt: z.catch(or(z.string(), ''), ''),
  lastHandledPurgeAt: z.catch(or(z.string(), ''), ''),
});

/** An ImageCache as the API server sends it; the fields are told in the CRD. */
export const imageCache = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: or(z.number(), 0),
    deletionTimestamp: or(z.string(), ''),
    annotations: or(texts, {}),
    finalizers: or(strings, []),
    managedFields: or(z.array(z.object({ subresource: or(z.string(), ''), time })), []),
  }),
  spec: maybe(spec),
  status: maybe(status),
});
