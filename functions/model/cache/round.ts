import * as z from 'zod/mini';
import { verifyValue } from './api.ts';
import { type Decoded, always, oneOf, optional, record, required, sinceEpoch, text } from './codec.ts';

export const operations = ['Create', 'Update', 'Refresh', 'Purge'] as const;
export type Operation = (typeof operations)[number];
export const triggers = ['Spec', 'Annotation', 'Schedule', 'Adopted', 'Deletion', 'Workloads'] as const;
export type Trigger = (typeof triggers)[number];

/** The annotation that requests a round. */
const requestAnnotation = record({ annotation: required(z.string()), value: always(text) });
export type RequestAnnotation = Decoded<typeof requestAnnotation>;

/** One operation on one cache. Its number is incremented, with optimistic locking, before its first Job is created. */
export const storedRound = record({
  /** Counts the rounds of the cache from 1; 0 for a status adopted from kube-fledged. */
  number: required(z.number()),
  operation: oneOf(operations),
  /** Generation of the spec that the round reconciles. */
  generation: required(z.number()),
  trigger: oneOf(triggers),
  startTime: sinceEpoch,
  /** The annotation that requested the round. It is removed when the round ends, and requests no other round until then. */
  requestedBy: optional(requestAnnotation),
});

export type Round = Decoded<typeof storedRound>;

/** kube-fledged's `status.reason` of an operation. */
export const statusReason = (operation: Operation): string => `ImageCache${operation}`;

/** kube-fledged's `status.message` while an operation is in progress. */
export const processingMessage = (operation: Operation): string =>
  `${activities[operation]}. Please view the status after some time`;

/** The first sentence of that message. */
export const activities = {
  Create: 'Images are being pulled on to the nodes',
  Update: 'Image cache is being updated',
  Refresh: 'Image cache is being refreshed',
  Purge: 'Image cache is being purged',
} as const satisfies Record<Operation, string>;

/** Whether the status is that of kube-fledged, as no round has opened since. */
export const isAdoption = (round: Round | undefined): boolean => round?.trigger === 'Adopted' && round.number === 0;

/** Whether a user has asked for all images to be pulled again with the current credentials. */
export const isVerification = (round: Round | undefined): boolean =>
  round?.operation === 'Refresh' && round.requestedBy?.value === verifyValue;
