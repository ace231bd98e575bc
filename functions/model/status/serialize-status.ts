import { always, map } from '#model/cache/codec.ts';
import { failureCount } from '#model/cache/failures.ts';
import { foundImages } from '#model/cache/found-images.ts';
import { type ImageCache, type Status, condition, placement, storedFailures } from '#model/cache/image-cache.ts';
import { failedOf, hasFailed, hasKnownLocks, lockedOf } from '#model/cache/image-states.ts';
import { type LedgerEntry, ledgerEntry, stateOf } from '#model/cache/ledger.ts';
import { statusFormat } from '#model/cache/parse-image-cache.ts';
import { registryUse } from '#model/cache/registry-use.ts';
import { removalEntry } from '#model/cache/removal-ledger.ts';
import { type Round, storedRound } from '#model/cache/round.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { anonymousPullOf, unknownDigest } from '#model/cache/image-answers.ts';
import { accessOf } from '#model/desired/access.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { timeText } from '#model/text/times.ts';

/**
 * The status as JSON for the API server: times are text, counts are derived from the ledger, empty fields are omitted.
 */
export function serializeStatus(status: Status, cache: ImageCache): SerializedFields {
  const counts = nodeCounts(status.nodes);
  return {
    format: statusFormat,
    ...text('status', status.status),
    ...text('reason', status.reason),
    ...text('message', status.message),
    ...time('startTime', status.startTime),
    ...time('completionTime', status.completionTime),
    ...field('failures', storedFailures.write(status.failures)),
    failuresOmitted: failuresOmitted(status, cache),
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    conditions: status.conditions.map(condition.write),
    nodesReady: `${counts.ready}/${counts.desired}`,
    nodeCounts: counts,
    images: serializedImages(status, cache),
    nodes: always(map(ledgerEntry)).write(status.nodes),
    desired: status.desired,
    ...(status.found.recordedAt === undefined ? {} : { imagesFrom: foundImages.write(status.found) }),
    placements: status.placements.map(({ tolerations, ...rest }) => placement.write({ tolerations, ...rest })),
    ...serializedRemovals(status),
    ...(status.round === undefined ? {} : { round: serializedRound(status.round, status.completionTime) }),
    ...time('lastRefreshTime', status.lastRefreshTime),
    ...time('nextRefreshTime', status.nextRefreshTime),
    ...time('nextWaveTime', status.nextWaveTime),
    ...field('registries', map(registryUse).write(status.registries)),
    ...text('lastHandledRefreshAt', status.lastHandledRefreshAt),
    ...text('lastHandledPurgeAt', status.lastHandledPurgeAt),
  };
}

/**
 * The status without failures, and with the images that registries deny only, for an API server that rejects it as too
 * large: the ledger must not be lost.
 */
export function serializeStatusWithoutTexts(status: Status, cache: ImageCache): SerializedFields {
  const denied = serializedImages(status, cache).filter(({ anonymousPull }) => anonymousPull === 'Denied');
  return {
    ...serializeStatus({ ...status, failures: {} }, cache),
    images: denied.map(({ image, access, anonymousPull }) => ({ image, access, anonymousPull })),
  };
}

/** How many failures the ledger has beyond those in `status.failures`. */
function failuresOmitted(status: Status, cache: ImageCache): number {
  const failed = Object.values(status.nodes).filter(hasFailed);
  const countOf = ({ desiredHash }: LedgerEntry): number => ledgerImages({ ...cache, status }, desiredHash).length;
  const failures = failed.reduce((sum, entry) => sum + failedOf(entry, countOf(entry)).length, 0);
  return Math.max(0, failures - failureCount(status.failures));
}

/** The fields with the removal ledger; none if it is empty. */
const serializedRemovals = ({ removals, toRemove }: Status): SerializedFields =>
  Object.keys(removals).length === 0 ? {} : { removals: map(removalEntry).write(removals), toRemove };

const field = (key: string, written: unknown): SerializedFields => (written === undefined ? {} : { [key]: written });

/** The round; it has ended when the status says so. */
const serializedRound = (round: Round, completionTime: number | undefined): SerializedFields => ({
  ...(storedRound.write(round) as SerializedFields),
  ...time('completionTime', completionTime),
});

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
function serializedImages(status: Status, cache: ImageCache): readonly SerializedFields[] {
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

/** Fields of the status as JSON for the API server. */
export type SerializedFields = Readonly<Record<string, unknown>>;

/** The field with this text; none for an empty one. */
const text = (key: string, value: string): Readonly<Record<string, string>> => (value === '' ? {} : { [key]: value });

/** The field with this time as text, in seconds; none for undefined. */
const time = (key: string, value: number | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [key]: timeText(value) };
