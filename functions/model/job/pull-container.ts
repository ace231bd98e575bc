import type { LedgerEntry } from '#model/cache/ledger.ts';
import { hasImageVolumes, type Node } from '#model/node/node.ts';

/**
 * Name of an image's container. It has the index of the image, because admission webhooks may rewrite images but not
 * names.
 */
export const containerName = (index: number): string => `image-${index}`;

/** Whether pull Jobs mount images as volumes on this node, or run a copied no-op in them. */
export const mountsImages = (entry: LedgerEntry, node: Node): boolean => hasImageVolumes(node) && !entry.copiesNoop;

/** Name of the init container that copies the no-op. */
export const helperContainer = 'noop' as const;
