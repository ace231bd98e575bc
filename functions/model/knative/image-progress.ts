import type { Failure, ImageCache } from '#model/cache/image-cache.ts';
import { type LedgerEntry, stateOf } from '#model/cache/ledger.ts';
import { imageState } from '#model/desired/image-state.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { normalisedReference } from '#model/text/image-reference.ts';

/** On how many nodes an image is, of those that must have it, and why it is not on some. */
export type ImageProgress = {
  readonly desired: number;
  readonly present: number;
  /** How many nodes fail to pull it. */
  readonly failing: number;
  readonly failure: Failure | undefined;
};

type Counts = { desired: number; present: number; failing: number };

/** The progress of all images of a cache, by normalised reference. Skipped nodes do not count. */
export function imageProgress(cache: ImageCache): ReadonlyMap<string, ImageProgress> {
  const counts = new Map<string, Counts>();
  const byHash = Map.groupBy(Object.values(cache.status.nodes), ({ desiredHash }) => desiredHash);
  for (const [hash, entries] of byHash) {
    const names = ledgerImages(cache, hash).map(normalisedReference);
    const ready = entries.filter((entry) => stateOf(entry) === 'Ready').length;
    const others = entries.filter((entry) => !['Ready', 'Skipped'].includes(stateOf(entry)));
    for (const [index, name] of names.entries()) add(counts, name, countsOf(others, index, ready));
  }
  const failures = new Map(
    Object.entries(cache.status.failures).map(([image, [first]]) => [normalisedReference(image), first] as const),
  );
  return new Map([...counts].map(([name, count]) => [name, { ...count, failure: failures.get(name) }]));
}

function countsOf(others: readonly LedgerEntry[], index: number, ready: number): Counts {
  const states = others.map((entry) => imageState(entry, index));
  const present = states.filter((state) => state === 'present').length;
  const failing = states.filter((state) => state === 'failed' || state === 'failing' || state === 'unknown').length;
  return { desired: ready + states.length, present: ready + present, failing };
}

function add(counts: Map<string, Counts>, name: string, { desired, present, failing }: Counts): void {
  const known = counts.get(name) ?? { desired: 0, present: 0, failing: 0 };
  counts.set(name, {
    desired: known.desired + desired,
    present: known.present + present,
    failing: known.failing + failing,
  });
}
