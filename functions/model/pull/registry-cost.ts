import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';

/** How many manifests a node gets from each registry in its next attempt. */
export function costOf(
  { pendingImages }: LedgerEntry,
  desired: DesiredImages | undefined,
): ReadonlyMap<string, number> {
  const images = desired?.images ?? [];
  const pending = pendingImages === undefined ? images : pendingImages.flatMap((index) => images[index] ?? []);
  const hosts = Map.groupBy(pending, (image) => registryOf(image));
  return new Map([...hosts].map(([host, each]) => [host, each.length]));
}
