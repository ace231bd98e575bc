import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import type { Node } from '#model/node/node.ts';

/** Everything that the manifest of a pull Job depends on. */
export type PullJobOrder = {
  readonly cache: ImageCache;
  readonly node: Node;
  readonly entry: LedgerEntry;
  readonly desired: DesiredImages;
  /** Indexes into `desired.images`. */
  readonly indexes: readonly number[];
  readonly settings: Settings;
  /** The user its containers run as: the first of the namespace's range on OpenShift, else 65532. */
  readonly runAsUser: number;
  /** Epoch milliseconds. */
  readonly now: number;
};
