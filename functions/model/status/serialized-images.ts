import { anonymousPullOf } from '#model/cache/access.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { unknownDigest } from '#model/cache/known-digest.ts';
import { failedOf, hasFailed, hasKnownLocks, lockedOf } from '#model/cache/image-states.ts';
import { type LedgerEntry, stateOf } from '#model/cache/ledger.ts';
import { accessOf } from '#model/desired/access.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { type SerializedFields, text, time } from './optional-fields.ts';

type ImageCount = {
  readonly image: string;
  readonly ready: number;
  readonly failed: number;
  readonly locked: number;
  readonly unknown: number;
};

/** Maximum number of images in `status.images`. */
const maxImages = 1000;

/** Counts per image the nodes that have it and the nodes that failed to pull it, and says who can start it. */
export function serializedImages(status: Status, cache: ImageCache): readonly SerializedFields[] {
  const { spec } = cache;
  return imageCounts(status, cache).map(({ image, ready, failed, ...locks }) => ({
    image,
    ...digestsOf(image, status),
    ...text('anonymousPull', anonymousPullOf(status.anonymousPulls, image) ?? ''),
    ...text('access', accessOf(image, { ready, ...locks }, { spec, status }) ?? ''),
    ready,
    failed,
  }));
}

function imageCounts(status: Status, cache: ImageCache): readonly ImageCount[] {
  const counts = new Map<string, ImageCount>();
  for (const hash of Object.keys(status.desired)) {
    const images = ledgerImages({ ...cache, status }, hash);
    const entries = Object.values(status.nodes).filter((entry) => entry.desiredHash === hash);
    const found = countsPerIndex(images.length, entries);
    images.forEach((image, index) => {
      const count = counts.get(image) ?? { ready: 0, failed: 0, locked: 0, unknown: 0 };
      counts.set(image, {
        image,
        ready: count.ready + (found.ready[index] ?? 0),
        failed: count.failed + (found.failed[index] ?? 0),
        locked: count.locked + (found.locked[index] ?? 0),
        unknown: count.unknown + (found.unknown[index] ?? 0),
      });
    });
  }
  return [...counts.values()].toSorted((a, b) => (a.image < b.image ? -1 : 1)).slice(0, maxImages);
}

/** What kubelets and registries report about the digest of an image. */
function digestsOf(image: string, { digests, knownDigests, absentImages }: Status): SerializedFields {
  const { digest, unresolvedReason, hasMismatch, lastUnresolvedPull } = ownEntry(knownDigests, image) ?? unknownDigest;
  return {
    ...text('digest', ownEntry(digests, image) ?? ''),
    ...text('resolvedDigest', digest),
    ...text('unresolvedReason', unresolvedReason),
    ...(hasMismatch ? { digestMismatch: true } : {}),
    ...time('lastUnresolvedPullTime', lastUnresolvedPull),
    ...(absentImages.includes(image) ? { registryAnswer: 'NotFound' } : {}),
  };
}

/** Entries with the same text have the same images in the same states: of thousands of nodes, few differ. */
const alike = ({ state, opening, images, noop }: LedgerEntry): string => [state, opening, images, noop].join(' ');

type CountsPerIndex = {
  readonly ready: number[];
  readonly failed: number[];
  readonly locked: number[];
  readonly unknown: number[];
};

/** Ready nodes have all images; nodes that failed, or retry, have all but the failed ones. Others are not counted. */
function countsPerIndex(length: number, entries: readonly LedgerEntry[]): CountsPerIndex {
  const settled = entries.filter((entry) => stateOf(entry) === 'Ready' || hasFailed(entry));
  const failed = Array.from({ length }, () => 0);
  const [locked, unknown] = [[...failed], [...failed]];
  const add = (counts: number[], index: number, by: number): void => {
    counts[index] = (counts[index] ?? 0) + by;
  };
  for (const group of Map.groupBy(settled, alike).values()) {
    const [entry] = group;
    if (entry === undefined) continue;
    const failedImages = failedOf(entry, length);
    for (const index of failedImages) add(failed, index, group.length);
    for (const index of lockedOf(entry, length)) add(locked, index, group.length);
    if (hasKnownLocks(entry)) continue;
    for (const index of failed.keys()) add(unknown, index, group.length);
    for (const index of failedImages) add(unknown, index, -group.length);
  }
  return { ready: failed.map((count) => settled.length - count), failed, locked, unknown };
}
