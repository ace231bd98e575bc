import type { Failure, Failures } from './image-cache.ts';

/** How much of the failures a status tells: nodes per image, characters per message, bytes in all. */
export const failureBounds = { nodesPerImage: 20, messageLength: 256, bytes: 200 * 1024 } as const;

/** Failures without all that was said of a node, or of these images on it. */
export function withoutNode(failures: Failures, node: string, images?: ReadonlySet<string>): Failures {
  return Object.fromEntries(
    Object.entries(failures).flatMap(([image, told]) => {
      if (images?.has(image) === false) return [[image, told]];
      const others = told.filter((failure) => failure.node !== node);
      return others.length === 0 ? [] : [[image, others]];
    }),
  );
}

/** Failures with what a node says of its images, or of these, now in place of what it said before. */
export function withNode(
  failures: Failures,
  node: string,
  causes: ReadonlyMap<string, Cause>,
  images?: ReadonlySet<string>,
): Failures {
  const next = new Map(Object.entries(withoutNode(failures, node, images)));
  for (const [image, { reason, message }] of causes) {
    const others = next.get(image) ?? [];
    if (others.length >= failureBounds.nodesPerImage) continue;
    next.set(image, [...others, { node, reason, message: shortened(message) }]);
  }
  return Object.fromEntries(next);
}

/** How many failures are told. */
export const failureCount = (failures: Failures): number =>
  Object.values(failures).reduce((sum, told) => sum + told.length, 0);

/**
 * Leaves out the last ones when all of them together are too long for a status.
 * Ordered by image and node, as the API server gives objects back: else what is told again would differ from what is stored.
 */
export function boundedFailures(failures: Failures): Failures {
  const kept: [string, readonly Failure[]][] = [];
  let room: number = failureBounds.bytes;
  for (const [image, told] of Object.entries(failures).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const ordered = told.toSorted((a, b) => (a.node < b.node ? -1 : 1));
    const fitting = ordered.filter((failure) => (room -= lengthOf(image, failure)) >= 0);
    if (fitting.length > 0) kept.push([image, fitting]);
  }
  return Object.fromEntries(kept);
}

/** An upper bound of the bytes a failure takes as JSON; multi-byte and escaped characters counted at their worst. */
function lengthOf(image: string, { node, reason, message }: Failure): number {
  return JSON.stringify([image, node, reason, message]).replace(/[^\x20-\x7e]/g, '....').length + 40;
}

/** Keeps the beginning, which says what, and the end, which says why; a character that the cut halves is replaced. */
function shortened(message: string): string {
  const { messageLength } = failureBounds;
  if (message.length <= messageLength) return message.toWellFormed();
  const head = messageLength - 140;
  return `${message.slice(0, head - 1)}…${message.slice(message.length - 140)}`.toWellFormed();
}
/** Why an image is not there, in a kubelet's or the Job controller's words. */
export type Cause = { readonly reason: string; readonly message: string };
