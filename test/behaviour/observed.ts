import * as z from 'zod/mini';

/** Objects as scenarios observe them, with only the fields that they use. */

const texts = z._default(z.record(z.string(), z.string()), {});
const text = z._default(z.string(), '');
const count = z._default(z.number(), 0);

const metadata = z.object({
  name: z.string(),
  namespace: text,
  uid: z.string(),
  generation: count,
  resourceVersion: text,
  creationTimestamp: text,
  deletionTimestamp: z.optional(z.string()),
  annotations: texts,
  labels: texts,
  finalizers: z._default(z.array(z.string()), []),
});

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: text,
  message: text,
  observedGeneration: count,
  lastTransitionTime: text,
});
const conditions = z._default(z.array(condition), []);

const cacheStatus = z.object({
  status: text,
  reason: text,
  message: text,
  startTime: text,
  completionTime: text,
  failures: z._default(z.record(z.string(), z.array(z.object({ node: text, reason: text, message: text }))), {}),
  failuresOmitted: count,
  observedGeneration: z.optional(z.number()),
  conditions,
  nodesReady: text,
  nodeCounts: z._default(z.record(z.string(), z.number()), {}),
  nodes: z._default(z.record(z.string(), z.object({ state: z.string(), reason: text, attempt: count })), {}),
  images: z._default(
    z.array(
      z.object({
        image: text,
        access: text,
        resolvedDigest: text,
        unresolvedReason: text,
        ready: count,
        failed: count,
      }),
    ),
    [],
  ),
  removals: z._default(
    z.record(
      z.string(),
      z.object({
        state: z.string(),
        reason: text,
        retryTime: text,
        imagesHash: text,
        removed: count,
        absent: count,
        spared: count,
        freedBytes: count,
        sparedImages: z._default(z.array(z.object({ image: text, reason: text, by: text })), []),
      }),
    ),
    {},
  ),
  toRemove: z._default(z.record(z.string(), z.array(z.string())), {}),
  placements: z._default(z.array(z.unknown()), []),
  registries: z._default(z.record(z.string(), z.record(z.string(), z.unknown())), {}),
  lastHandledRefreshAt: text,
  lastHandledPurgeAt: text,
  round: z.optional(z.object({ number: z.number(), operation: z.string(), trigger: z.string() })),
});

const cache = z.object({ metadata, spec: z.unknown(), status: z.prefault(cacheStatus, {}) });
export type ObservedCache = z.infer<typeof cache>;
export const parseCache = (object: unknown): ObservedCache => cache.parse(object);

const container = z.object({ name: z.string(), image: text, args: z._default(z.array(z.string()), []) });
const containers = z._default(z.array(container), []);
const volume = z.object({ image: z.optional(z.object({ reference: text })) });
const podSpec = z.object({
  nodeName: text,
  containers,
  initContainers: containers,
  volumes: z._default(z.array(volume), []),
  imagePullSecrets: z._default(z.array(z.object({ name: text })), []),
  priorityClassName: text,
  serviceAccountName: text,
});

const job = z.object({
  metadata,
  spec: z.object({ template: z.object({ spec: podSpec }) }),
  status: z.prefault(z.object({ conditions, succeeded: count, failed: count }), {}),
});
export type ObservedJob = z.infer<typeof job>;
export const parseJob = (object: unknown): ObservedJob => job.parse(object);

const state = z.object({
  waiting: z.optional(z.object({ reason: text, message: text })),
  running: z.optional(z.unknown()),
  terminated: z.optional(z.object({ exitCode: count })),
});
const pod = z.object({
  metadata,
  spec: podSpec,
  status: z.prefault(
    z.object({
      phase: text,
      containerStatuses: z._default(z.array(z.object({ name: z.string(), state: z.prefault(state, {}) })), []),
    }),
    {},
  ),
});
export type ObservedPod = z.infer<typeof pod>;
export const parsePod = (object: unknown): ObservedPod => pod.parse(object);

const event = z.object({
  metadata,
  type: text,
  reason: text,
  message: text,
  involvedObject: z.object({ kind: text, name: text, uid: text }),
  source: z.prefault(z.object({ component: text }), {}),
});
export type ObservedEvent = z.infer<typeof event>;
export const parseEvent = (object: unknown): ObservedEvent => event.parse(object);

/** Whether a Job or Pod of the product removes images; all others pull. */
export const isRemoval = ({ metadata: { labels } }: ObservedJob | ObservedPod): boolean =>
  'kubefledged.io/removal' in labels;

/** The images that a removal Job removes. */
export const removedBy = ({ spec }: ObservedJob): readonly string[] =>
  spec.template.spec.containers
    .flatMap(({ args }) => args)
    .filter((arg) => arg.startsWith('--remove='))
    .map((arg) => arg.slice('--remove='.length))
    .toSorted();

/** The node of a Job, from its annotation. */
export const nodeOf = ({ metadata: { annotations } }: Pick<ObservedJob, 'metadata'>): string =>
  annotations['kubefledged.io/node'] ?? '';

/** The attempt that a Job is of, in words. */
export const attemptOf = ({ metadata: { annotations } }: ObservedJob): string =>
  `attempt ${annotations['kubefledged.io/attempt']} of round ${annotations['kubefledged.io/round']}`;

/** The user's images in a Job or Pod: mounted ones if there are any, else those of the containers. */
export function imagesIn(spec: z.infer<typeof podSpec>): readonly string[] {
  const mounted = spec.volumes.flatMap(({ image }) => (image === undefined ? [] : [image.reference]));
  return (mounted.length > 0 ? mounted : spec.containers.map(({ image }) => image)).toSorted();
}

export const imagesOf = (seen: ObservedJob): readonly string[] => imagesIn(seen.spec.template.spec);

/** Whether a Job opens images that another one pulled with credentials: its Pods have none. */
export const isOpening = ({ spec }: ObservedJob): boolean =>
  spec.template.spec.imagePullSecrets.some(({ name }) => name === '');

export const isFinished = ({ status }: ObservedJob): boolean =>
  status.conditions.some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True');

/** A condition of a cache by type; its fields are empty if there is none. */
export const conditionOf = ({ status }: ObservedCache, type: string): z.infer<typeof condition> =>
  status.conditions.find((each) => each.type === type) ?? condition.parse({ type, status: '' });

export const isReady = (seen: ObservedCache): boolean => conditionOf(seen, 'Ready').status === 'True';
