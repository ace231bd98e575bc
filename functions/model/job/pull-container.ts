import type { LedgerEntry } from '#model/cache/ledger.ts';
import { hasImageVolumes, type Node } from '#model/node/node.ts';

/** The container that stands for an image, by the image's index: admission may rewrite images, not names. */
export const containerName = (index: number): string => `image-${index}`;

/** Whether a node's images are mounted as volumes rather than started with a copied no-op. */
export const mountsImages = (entry: LedgerEntry, node: Node): boolean => hasImageVolumes(node) && !entry.copiesNoop;

export const helperContainer = 'noop' as const;
