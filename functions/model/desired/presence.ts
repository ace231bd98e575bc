import type { PullPolicy } from '#model/cache/spec-schema.ts';
import type { Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';

/**
 * Whether the node's image list proves that it has the image and, by the pull policy, need not ask the registry again.
 */
export function isProvenPresent(image: string, node: Node, policy: PullPolicy): boolean {
  return policy === 'IfNotPresent' && node.images.has(normalisedReference(image));
}

/** Whether the node's image list proves that it lacks the image: a truncated or empty list proves nothing. */
export const isAbsent = (image: string, node: Node): boolean =>
  node.isImageListComplete && node.images.size > 0 && !node.images.has(normalisedReference(image));
