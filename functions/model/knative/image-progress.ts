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
    const others = alike(entries.filter((entry) => !['Ready', 'Skipped'].includes(stateOf(entry))));
    for (const [index, name] of names.entries()) add(counts, name, countsOf(others, index, ready));
  }
  const failures = new Map(
    Object.entries(cache.status.failures).map(([image, [first]]) => [normalisedReference(image), first] as const),
  );
  return new Map([...counts].map(([name, count]) => [name, { ...count, failure: failures.get(name) }]));
}

/** Entries in which each image has the same state, and how many they are: of thousands of nodes, few differ. */
type Alike = { readonly entry: LedgerEntry; readonly nodes: number };

function alike(entries: readonly LedgerEntry[]): readonly Alike[] {
  const groups = Map.groupBy(entries, ({ state, opening, pendingImages, failedImages, failingImages, absentImages }) =>
    JSON.stringify([state, opening, pendingImages, failedImages, failingImages, absentImages]),
  );
  return [...groups.values()].flatMap((group) => group.slice(0, 1).map((entry) => ({ entry, nodes: group.length })));
}

function countsOf(others: readonly Alike[], index: number, ready: number): Counts {
  const counts = { desired: ready, present: ready, failing: 0 };
  for (const { entry, nodes } of others) {
    const state = imageState(entry, index);
    counts.desired += nodes;
    if (state === 'present') counts.present += nodes;
    if (state === 'failed' || state === 'failing' || state === 'unknown') counts.failing += nodes;
  }
  return counts;
}

function add(counts: Map<string, Counts>, name: string, { desired, present, failing }: Counts): void {
  const known = counts.get(name) ?? { desired: 0, present: 0, failing: 0 };
  counts.set(name, {
    desired: known.desired + desired,
    present: known.present + present,
    failing: known.failing + failing,
  });
}
