import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { PullPolicy } from '#model/cache/spec-schema.ts';
import { isCompletedByNode, type Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';

/**
 * Whether the node's image list proves that it has the image and, by the pull policy, need not ask the registry again.
 */
export function isProvenPresent(image: string, node: Node, policy: PullPolicy): boolean {
  return policy === 'IfNotPresent' && node.images.has(normalisedReference(image));
}

/** Whether the node's image list proves that it lacks the image: a truncated or empty list proves nothing. */
export const isAbsent = (image: string, node: Node): boolean =>
  node.isImageListComplete &&
  node.images.size > 0 &&
  !node.images.has(normalisedReference(image)) &&
  !isCompletedByNode(image, node);

/** Milliseconds by which a kubelet's list may be late: it reads the images every 30 s and reports them 10 s later. The rest is for clocks that differ. */
const listDelay = 60_000;

/**
 * Whether the node's image list shows what the node has had since it became Ready. Its kubelet has reported a minute later; or two
 * minutes have passed, and it is alive: a list that has changed is reported at once, one that has not every five minutes.
 */
export const isListCurrent = (
  { isReady, reportedAt }: Node,
  { readyAt = -Infinity }: Pick<LedgerEntry, 'readyAt'>,
  now: number,
): boolean => isReady && Math.max(Math.min(reportedAt, now), now - listDelay) - readyAt >= listDelay;

/** The images that a Ready node has lost since, by their indexes: its list proves it. */
export const lostImages = (
  entry: Pick<LedgerEntry, 'readyAt'>,
  node: Node,
  images: readonly string[],
  now: number,
): readonly number[] =>
  isListCurrent(node, entry, now) ? images.flatMap((image, index) => (isAbsent(image, node) ? [index] : [])) : [];

/** Milliseconds after which a node proves again that it has an image which its list neither shows nor disproves: an hour, less the spread of refreshes. */
const proofInterval = 55 * 60_000;

/** Whether a node must prove that it still has an image: its list is cut, or empty, and it became Ready long ago. */
export const mustProve = (
  image: string,
  node: Node,
  { readyAt = -Infinity }: Pick<LedgerEntry, 'readyAt'>,
  now: number,
): boolean => now - readyAt >= proofInterval && !isAbsent(image, node) && !node.images.has(normalisedReference(image));
