import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import type { Node } from '#model/node/node.ts';
import type { World } from '#model/world.ts';

/** A pending node. */
export type Candidate = {
  readonly name: string;
  readonly entry: LedgerEntry;
  /** undefined if it was not observed: it does not start now, but is observed next if no reason makes it wait. */
  readonly node: Node | undefined;
  /** The images that it must have. */
  readonly images: readonly string[];
  /** Those of them that its next attempt pulls. */
  readonly pending: readonly string[];
};

/** One reason for which pending nodes wait although they may pull. */
export type ReasonToWait = {
  /** What the ledger records of a node that waits for it, if anything. */
  readonly records?: Partial<Pick<LedgerEntry, 'reason' | 'retryDeadline'>>;
  /** Called once for each decision, before the first node. */
  readonly prepare: (world: World, cache: ImageCache, desired: DesiredByHash) => Check;
};

/** Whether one node after the other has to wait. */
export type Check = {
  /** Changes nothing. */
  readonly waits: (candidate: Candidate) => boolean;
  /** The node does not wait for this reason, but may for a later one. */
  readonly passed?: (candidate: Candidate) => void;
  /** The node starts. */
  readonly started?: (candidate: Candidate) => void;
  /** What the status records once all nodes were checked; `next` has the new ledger. */
  readonly after?: (next: ImageCache, started: readonly Candidate[]) => ImageCache;
};
