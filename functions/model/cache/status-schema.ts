import * as z from 'zod/mini';
import { anonymousPulls } from './access.ts';
import { statusValues } from './image-cache.ts';
import { isLetter, unpackedImages, usualImages } from './image-states.ts';
import { nodeStates, openings } from './ledger.ts';
import { removalStates, spareReasons } from './removal-ledger.ts';
import { operations, triggers } from './round.ts';
import {
  nodeMatchExpressions,
  optional,
  placed,
  strings,
  texts,
  time,
  toleration,
  withDefault,
} from './schema-fields.ts';

/** The entry of a node; one whose images are nonsense is invalid. */
const storedEntry = z.object({
  id: z.string(),
  desiredHash: z.string(),
  retainedHash: optional(z.string()),
  attempt: withDefault(z.number(), 0),
  rests: withDefault(z.number(), 0),
  state: z.enum(nodeStates),
  reason: withDefault(z.string(), ''),
  images: optional(z.string().check(z.refine((text) => unpackedImages(text) !== undefined))),
  noop: optional(z.string().check(z.refine(isLetter))),
  failingUntil: time,
  opening: optional(z.enum(openings)),
  oneImagePerJob: withDefault(z.boolean(), false),
  retryDeadline: time,
  holdsImages: withDefault(z.boolean(), false),
  copiesNoop: withDefault(z.boolean(), false),
  topology: optional(z.string()),
});

const entry = z.pipe(
  storedEntry,
  z.transform(({ images, ...rest }) => ({
    ...rest,
    images: (images === undefined ? undefined : unpackedImages(images)) ?? usualImages(rest.state),
  })),
);

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
