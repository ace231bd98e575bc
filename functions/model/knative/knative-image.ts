import { timeText } from '#model/text/times.ts';
import * as z from 'zod/mini';
import type { Readiness } from './image-readiness.ts';

/** An Image of Knative (`caching.internal.knative.dev`): an image that Pods of a Revision need. */
export type KnativeImage = {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly isBeingDeleted: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** As Knative spells it; '' if it has not resolved the tag. */
  readonly image: string;
  /** Whether its status is too large to be kept, and so is not written. */
  readonly isTooLarge: boolean;
  /** As it is stored, with what others wrote. */
  readonly status: Readonly<Record<string, unknown>>;
  /** Its condition Ready; undefined if it has none. */
  readonly ready: ReadyCondition | undefined;
  /** The generation that its status is about; undefined if it has none. */
  readonly observedGeneration: number | undefined;
};

export type ReadyCondition = {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** As it is stored. */
  readonly lastTransitionTime: string;
};

/** Maximum number of characters to keep of it; no valid reference has more than 520. */
const longestImage = 600;

const text = z.catch(z.string(), '');

const image = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    resourceVersion: text,
    generation: z.catch(z.number(), 1),
    labels: z.catch(z.record(z.string(), z.string()), {}),
    deletionTimestamp: z.optional(z.string()),
  }),
  spec: z.catch(z.object({ image: text }), { image: '' }),
  status: z.catch(z.record(z.string(), z.unknown()), {}),
});

const condition = z.object({
  type: z.literal('Ready'),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: text,
  message: text,
  lastTransitionTime: text,
});

/** Keeps a status of so many characters at most. Throws a ZodError for what has no name, which no API server stores. */
export function parseKnativeImage(object: unknown, maxStatus = Infinity): KnativeImage {
  const { metadata, spec, status: stored } = image.parse(object);
  const { deletionTimestamp, ...identity } = metadata;
  const isTooLarge = JSON.stringify(stored).length > maxStatus;
  const status = isTooLarge ? {} : stored;
  const { observedGeneration } = status;
  return {
    ...identity,
    isBeingDeleted: deletionTimestamp !== undefined,
    image: spec.image.slice(0, longestImage),
    isTooLarge,
    status,
    ready: conditionsIn(status)
      .map(readyIn)
      .find((ready) => ready !== undefined),
    observedGeneration: typeof observedGeneration === 'number' ? observedGeneration : undefined,
  };
}

const conditionsIn = ({ conditions }: KnativeImage['status']): readonly unknown[] =>
  Array.isArray(conditions) ? conditions : [];

function readyIn(stored: unknown): ReadyCondition | undefined {
  const { data } = condition.safeParse(stored);
  if (data === undefined) return undefined;
  const { status, reason, message, lastTransitionTime } = data;
  return { status, reason, message, lastTransitionTime };
}

/** The status of an Image with this readiness; undefined if it has it already. What others wrote stays. */
export function imageStatus(
  image: KnativeImage,
  readiness: Readiness,
  now: number,
): KnativeImage['status'] | undefined {
  const { ready, generation, observedGeneration, status } = image;
  if (observedGeneration === generation && isSame(ready, readiness)) return undefined;
  const since = ready?.status === readiness.status ? ready.lastTransitionTime : '';
  const condition = {
    type: 'Ready',
    status: readiness.status,
    lastTransitionTime: since === '' ? timeText(now) : since,
    reason: readiness.reason,
    message: readiness.message,
  };
  const others = conditionsIn(status).filter((other) => !isReady(other));
  return { ...status, observedGeneration: generation, conditions: [...others, condition] };
}

const isSame = (ready: Readiness | undefined, { status, reason, message }: Readiness): boolean =>
  ready?.status === status && ready.reason === reason && ready.message === message;

const isReady = (condition: unknown): boolean =>
  typeof condition === 'object' && condition !== null && 'type' in condition && condition.type === 'Ready';
