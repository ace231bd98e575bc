import { anonymousPullOf } from '#model/cache/access.ts';
import { failureCount } from '#model/cache/failures.ts';
import {
  type Condition,
  type Failures,
  type ImageCache,
  type Placement,
  type Status,
  emptyStatus,
} from '#model/cache/image-cache.ts';
import { type FinishedJobs, type Ledger, type LedgerEntry, stateOf } from '#model/cache/ledger.ts';
import type { FoundImages, FoundPlacement } from '#model/cache/found-images.ts';
import { unknownDigest } from '#model/cache/known-digest.ts';
import type { RegistryUse, RegistryUses } from '#model/cache/registry-use.ts';
import type { RemovalEntry, SparedImage } from '#model/cache/removal-ledger.ts';
import type { Round } from '#model/cache/round.ts';
import { accessOf } from './access.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import { nodeCounts } from './node-counts.ts';
import { ledgerImages } from './placements.ts';

/**
 * The status as JSON for the API server: times are text, counts are derived from the ledger, empty fields are omitted.
 */
export type SerializedStatus = Readonly<Record<string, unknown>>;

export function serializeStatus(status: Status, cache: ImageCache): SerializedStatus {
  const counts = nodeCounts(status.nodes);
  return {
    ...text('status', status.status),
    ...text('reason', status.reason),
    ...text('message', status.message),
    ...time('startTime', status.startTime),
    ...time('completionTime', status.completionTime),
    ...(Object.keys(status.failures).length === 0 ? {} : { failures: status.failures }),
    failuresOmitted: failuresOmitted(status.nodes, status.failures),
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    conditions: status.conditions.map(serializedCondition),
    nodesReady: `${counts.ready}/${counts.desired}`,
    nodeCounts: counts,
    images: images(status, cache),
    nodes: Object.fromEntries(Object.entries(status.nodes).map(([name, entry]) => [name, serializedEntry(entry)])),
    desired: status.desired,
    ...foundImages(status.found),
    placements: status.placements.map(serializedPlacement),
    ...removals(status),
    ...(status.round === undefined ? {} : { round: serializedRound(status.round, status.completionTime) }),
    ...time('lastRefreshTime', status.lastRefreshTime),
    ...time('nextRefreshTime', status.nextRefreshTime),
    ...time('nextWaveTime', status.nextWaveTime),
    ...(Object.keys(status.registries).length === 0 ? {} : { registries: registries(status.registries) }),
    ...text('lastHandledRefreshAt', status.lastHandledRefreshAt),
    ...text('lastHandledPurgeAt', status.lastHandledPurgeAt),
  };
}

/**
 * The status without failures, and with the images that registries deny only, for an API server that rejects it as too
 * large: the ledger must not be lost.
 */
export function serializeStatusWithoutTexts(status: Status, cache: ImageCache): SerializedStatus {
  const denied = images(status, cache).filter(({ anonymousPull }) => anonymousPull === 'Denied');
  return {
    ...serializeStatus({ ...status, failures: {} }, cache),
    images: denied.map(({ image, access, anonymousPull }) => ({ image, access, anonymousPull })),
  };
}

/**
 * Whether writing this status changes nothing. Entries of nodes are compared one by one, and only if they are not the same
 * object: every decision compares thousands of them.
 */
export function isSameStatus(status: Status, cache: ImageCache): boolean {
  const { status: before, hasFormerStatus } = cache;
  if (hasFormerStatus) return false;
  if (
    !isSameRecord(status.nodes, before.nodes, serializedEntry) ||
    !isSameRecord(status.removals, before.removals, serializedRemoval) ||
    !isSameRecord(status.registries, before.registries, serializedUse)
  )
    return false;
  // What is derived from entries follows from what is written of them.
  const { nodes, removals, registries } = before;
  const next = { ...status, nodes, removals, registries };
  return hasSameFields(next, before) || hasSameJson(next, before, (each) => serializeStatus(each, cache));
}

/** Whether the same is written of two records: the same entries in the same order. */
function isSameRecord<Entry>(
  a: Readonly<Record<string, Entry>>,
  b: Readonly<Record<string, Entry>>,
  serialized: (entry: Entry) => object,
): boolean {
  if (a === b) return true;
  const [names, others] = [Object.keys(a), Object.keys(b)];
  const isSame = (entry: Entry | undefined, other: Entry | undefined): boolean =>
    isEqual(entry, other) || hasSameJson(entry, other, (each) => each && serialized(each));
  return names.length === others.length && names.every((name, at) => name === others[at] && isSame(a[name], b[name]));
}

const statusFields = Object.keys(emptyStatus) as (keyof Status)[];

const hasSameFields = (a: Status, b: Status): boolean => statusFields.every((field) => isEqual(a[field], b[field]));

const hasSameJson = <T>(a: T, b: T, serialized: (value: T) => object | undefined): boolean =>
  JSON.stringify(serialized(a)) === JSON.stringify(serialized(b));

/** Whether two values of one type are equal, with their keys in the same order. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isObject(a) || !isObject(b)) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  return keys.length === others.length && keys.every((key, at) => key === others[at] && isEqual(a[key], b[key]));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

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
function images(status: Status, cache: ImageCache): readonly SerializedStatus[] {
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
function digestsOf(image: string, { digests, knownDigests, absentImages }: Status): SerializedStatus {
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

type CountsPerIndex = {
  readonly ready: number[];
  readonly failed: number[];
  readonly locked: number[];
  readonly unknown: number[];
};

/** Ready nodes have all images; nodes that failed, or retry, have all but the failed ones. Others are not counted. */
function countsPerIndex(length: number, entries: readonly LedgerEntry[]): CountsPerIndex {
  const settled = entries.filter((entry) => stateOf(entry) === 'Ready' || entry.failedImages.length > 0);
  const failed = Array.from({ length }, () => 0);
  const [locked, unknown] = [[...failed], [...failed]];
  const add = (counts: number[], index: number, by = 1): void => {
    counts[index] = (counts[index] ?? 0) + by;
  };
  for (const { failedImages, lockedImages } of settled) {
    for (const index of failedImages) add(failed, index);
    for (const index of lockedImages ?? []) add(locked, index);
    if (lockedImages !== undefined) continue;
    for (const index of failed.keys()) add(unknown, index);
    for (const index of failedImages) add(unknown, index, -1);
  }
  return { ready: failed.map((count) => settled.length - count), failed, locked, unknown };
}

/** How many failures the ledger has beyond those in `status.failures`. */
const failuresOmitted = (nodes: Ledger, failures: Failures): number =>
  Math.max(0, Object.values(nodes).reduce((sum, entry) => sum + entry.failedImages.length, 0) - failureCount(failures));

function serializedEntry({
  id,
  desiredHash,
  retainedHash,
  attempt,
  rests,
  state,
  reason,
  pendingImages,
  failedImages,
  absentImages,
  failingImages,
  failingUntil,
  opening,
  lockedImages,
  oneImagePerJob,
  retryDeadline,
  holdsImages,
  copiesNoop,
  topology,
  finishedJobs,
}: LedgerEntry) {
  return {
    ...{ id, desiredHash },
    ...text('retainedHash', retainedHash ?? ''),
    attempt,
    ...(rests === 0 ? {} : { rests }),
    state,
    ...text('reason', reason),
    ...(pendingImages === undefined ? {} : { pendingImages }),
    ...(failedImages.length === 0 ? {} : { failedImages }),
    ...(absentImages.length === 0 ? {} : { absentImages }),
    ...(failingImages.length === 0 ? {} : { failingImages }),
    ...time('failingUntil', failingUntil),
    ...text('opening', opening ?? ''),
    ...(lockedImages === undefined ? {} : { lockedImages }),
    ...(oneImagePerJob ? { oneImagePerJob } : {}),
    ...time('retryDeadline', retryDeadline),
    ...(holdsImages ? { holdsImages } : {}),
    ...(copiesNoop ? { copiesNoop } : {}),
    ...(topology === undefined ? {} : { topology }),
    ...(finishedJobs === undefined ? {} : { finishedJobs: serializedJobs(finishedJobs) }),
  };
}

const serializedJobs = ({ imagesPerJob, jobs, failedImages, inconclusive }: FinishedJobs) => ({
  ...{ imagesPerJob, jobs },
  ...(failedImages.length === 0 ? {} : { failedImages }),
  ...(inconclusive ? { inconclusive } : {}),
});

function foundImages({ lists, pullSecrets, recordedAt, problem }: FoundImages): SerializedStatus {
  if (recordedAt === undefined) return {};
  return {
    imagesFrom: {
      lists: lists.map(({ list, listHash, pods, images }) => ({
        list,
        ...text('listHash', listHash),
        ...(pods === undefined ? {} : { placement: serializedPods(pods) }),
        images: images.map(({ unnamedSince, ...image }) => ({ ...image, ...time('unnamedSince', unnamedSince) })),
      })),
      ...(pullSecrets.length === 0
        ? {}
        : {
            imagePullSecrets: pullSecrets.map(({ name, unnamedSince }) => ({
              name,
              ...time('unnamedSince', unnamedSince),
            })),
          }),
      ...time('recordedTime', recordedAt),
      ...text('problem', problem),
    },
  };
}

const serializedPods = ({ nodeSelector, terms, tolerations }: FoundPlacement): SerializedStatus => ({
  nodeSelector,
  nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
  tolerations,
});

const serializedPlacement = ({ lists, ...placement }: Placement) => ({
  ...placement,
  ...(lists.length === 0 ? {} : { lists }),
});

const registries = (uses: RegistryUses): SerializedStatus =>
  Object.fromEntries(Object.entries(uses).map(([host, use]) => [host, serializedUse(use)]));

const serializedUse = ({
  pulls,
  pullsUntil,
  restsUntil,
  restSeconds,
  restsAlone,
  restsByAnswer,
  pullsLeft,
  pullsLeftUntil,
  waitsUntil,
}: RegistryUse): SerializedStatus => ({
  ...(pulls === 0 ? {} : { pulls }),
  ...time('pullsUntil', pullsUntil),
  ...time('restsUntil', restsUntil),
  ...(restSeconds === 0 ? {} : { restSeconds }),
  ...(restsAlone ? { restsAlone } : {}),
  ...(restsByAnswer ? { restsByAnswer } : {}),
  ...(pullsLeft === undefined ? {} : { pullsLeft }),
  ...time('pullsLeftUntil', pullsLeftUntil),
  ...time('waitsUntil', waitsUntil),
});

function removals({ removals, toRemove }: Status): SerializedStatus {
  if (Object.keys(removals).length === 0) return {};
  const entries = Object.entries(removals).map(([name, entry]) => [name, serializedRemoval(entry)]);
  return { removals: Object.fromEntries(entries), toRemove };
}

function serializedRemoval(entry: RemovalEntry): SerializedStatus {
  const { id, imagesHash, round, attempt, state, reason, message, retryTime, sparedImages, ...counts } = entry;
  return {
    ...{ id, imagesHash, round, attempt, state },
    ...text('reason', reason),
    ...text('message', message),
    ...time('retryTime', retryTime),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(sparedImages.length === 0 ? {} : { sparedImages: sparedImages.map(serializedSpared) }),
  };
}

const serializedSpared = ({ image, reason, by }: SparedImage): SerializedStatus => ({
  image,
  reason,
  ...text('by', by),
});

function serializedRound(
  { requestedBy, startTime, ...round }: Round,
  completionTime: number | undefined,
): SerializedStatus {
  return {
    ...round,
    ...time('startTime', startTime),
    ...time('completionTime', completionTime),
    ...(requestedBy === undefined ? {} : { requestedBy }),
  };
}

const serializedCondition = (condition: Condition) => ({
  ...condition,
  ...time('lastTransitionTime', condition.lastTransitionTime),
});

const text = (key: string, value: string): Readonly<Record<string, string>> => (value === '' ? {} : { [key]: value });

const time = (key: string, value: number | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [key]: `${new Date(value).toISOString().slice(0, 19)}Z` };
