import { ownEntry } from '#model/text/untrusted.ts';
import type { CacheEvent } from './api.ts';
import type { Failure, Failures, ImageCache } from './image-cache.ts';

/** Why an image is not on a node, or still on it, as the kubelet or the Job controller reports it. */
export type Cause = { readonly reason: string; readonly message: string };

/** Reason of an image that a node had and has lost. */
export const imageLost = 'ImageLost' as const;

/** No kubelet has reported on an image by the deadline: it may still be pulling. */
export const unknownStatus: Cause = {
  reason: 'ImagePullStatusUnknown',
  message: 'Unable to get the status of Image pull. Retry after some time or contact cluster administrator',
};

/** The same on a node alone: others have pulled the image meanwhile. */
export const pullsBlocked: Cause = {
  reason: 'PullsBlocked',
  message:
    'The kubelet did not report on it in time, although other nodes pulled it: a pull that does not end may keep all others of the node waiting. See docs/operations.md#pulls-that-block-a-node',
};

/** Whether a node was given up while its kubelet pulled. */
export const isAbandoned = ({ reason }: Cause): boolean => reason === unknownStatus.reason || isBlocked({ reason });

export const isBlocked = ({ reason }: Pick<Cause, 'reason'>): boolean => reason === pullsBlocked.reason;

/** The nodes of which failures say that another pull blocks them. */
export const blockedNodes = (failures: Failures): ReadonlySet<string> =>
  new Set(Object.values(failures).flatMap((each) => each.filter(isBlocked).map(({ node }) => node)));

/** Reports the nodes that another pull has begun to block, with the first of them. */
export function blockedEvents(before: ImageCache, next: ImageCache): readonly CacheEvent[] {
  const known = blockedNodes(before.status.failures);
  const nodes = [...blockedNodes(next.status.failures)].filter((node) => !known.has(node)).toSorted();
  const [first] = nodes;
  if (first === undefined) return [];
  const where = nodes.length === 1 ? first : `${first} and ${nodes.length - 1} more`;
  const message = `Images could not be pulled on ${where}. ${pullsBlocked.message}`;
  return [
    { type: 'Warning', reason: pullsBlocked.reason, message, key: `blocked-${next.status.round?.number}-${first}` },
  ];
}

/** Limits of `status.failures`: nodes per image, characters per message, bytes in total. */
export const failureBounds = { nodesPerImage: 20, messageLength: 256, bytes: 200 * 1024 } as const;

/** Removes the failures of a node: of all its images, or of these only. */
export function withoutNode(failures: Failures, node: string, images?: ReadonlySet<string>): Failures {
  return Object.fromEntries(
    Object.entries(failures).flatMap(([image, entries]) => {
      if (images?.has(image) === false) return [[image, entries]];
      const others = entries.filter((failure) => failure.node !== node);
      return others.length === 0 ? [] : [[image, others]];
    }),
  );
}

/** The failures of one node at one time. */
export type NodeFailures = {
  readonly node: string;
  /** By image, as spelled in the spec. */
  readonly causes: ReadonlyMap<string, Cause>;
  /** The images that were tried; undefined: all images of the node. */
  readonly images?: ReadonlySet<string>;
};

/**
 * Replaces the failures of a node, for the images that were tried, with its latest ones. That the kubelet waits before it
 * tries again is not news: the reason why it failed stays, and nothing is written each time that it tries.
 */
export function withNode(failures: Failures, { node, causes, images }: NodeFailures): Failures {
  const next = new Map(Object.entries(withoutNode(failures, node, images)));
  for (const [image, { reason, message }] of causes) {
    const others = next.get(image) ?? [];
    if (others.length >= failureBounds.nodesPerImage) continue;
    const before = ownEntry(failures, image)?.find((failure) => failure.node === node);
    const isKept = reason === 'ImagePullBackOff' && before?.reason === 'ErrImagePull';
    next.set(image, [...others, isKept ? before : { node, reason, message: shortened(message) }]);
  }
  return Object.fromEntries(next);
}

/** The number of failures over all images. */
export const failureCount = (failures: Failures): number =>
  Object.values(failures).reduce((sum, entries) => sum + entries.length, 0);

/**
 * Omits the last failures if all of them are too long for a status.
 * They are sorted by image and node, as the API server returns them, so that equal failures serialize equally.
 */
export function boundedFailures(failures: Failures): Failures {
  const bounded: [string, readonly Failure[]][] = [];
  let bytesLeft: number = failureBounds.bytes;
  for (const [image, entries] of Object.entries(failures).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const sorted = entries.toSorted((a, b) => (a.node < b.node ? -1 : 1));
    const fitting = sorted.filter((failure) => (bytesLeft -= maxBytes(image, failure)) >= 0);
    if (fitting.length > 0) bounded.push([image, fitting]);
  }
  return Object.fromEntries(bounded);
}

/** An upper bound for the size of a failure as JSON: characters that are escaped or multi-byte count as four. */
function maxBytes(image: string, { node, reason, message }: Failure): number {
  return JSON.stringify([image, node, reason, message]).replace(/[^\x20-\x7e]/g, '....').length + 40;
}

/** Cuts the middle out of a long message: its beginning says what failed, its end says why. */
function shortened(message: string): string {
  const { messageLength } = failureBounds;
  if (message.length <= messageLength) return message.toWellFormed();
  const head = messageLength - 140;
  return `${message.slice(0, head - 1)}…${message.slice(message.length - 140)}`.toWellFormed();
}
