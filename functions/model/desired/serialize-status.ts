import { failureCount } from '#model/cache/failures.ts';
import type { Condition, Failures, ImageCache, Status } from '#model/cache/image-cache.ts';
import type { FinishedJobs, Ledger, LedgerEntry } from '#model/cache/ledger.ts';
import { unknownDigest } from '#model/cache/known-digest.ts';
import type { RemovalEntry, SparedImage } from '#model/cache/removal-ledger.ts';
import type { Round } from '#model/cache/round.ts';
import { imagesOf } from './desired-images.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import { nodeCounts } from './node-counts.ts';

/** The status as it goes over the wire: times as text, counts derived from the ledger, nothing that is empty. */
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
    failuresOmitted: omitted(status.nodes, status.failures),
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    conditions: status.conditions.map(wireCondition),
    nodesReady: `${counts.ready}/${counts.desired}`,
    nodeCounts: counts,
    images: imageCounts(status, cache),
    nodes: Object.fromEntries(Object.entries(status.nodes).map(([name, entry]) => [name, wireEntry(entry)])),
    desired: status.desired,
    placements: status.placements,
    ...removals(status),
    ...(status.round === undefined ? {} : { round: wireRound(status.round) }),
    ...time('lastRefreshTime', status.lastRefreshTime),
    ...time('nextRefreshTime', status.nextRefreshTime),
    ...text('lastHandledRefreshAt', status.lastHandledRefreshAt),
    ...text('lastHandledPurgeAt', status.lastHandledPurgeAt),
  };
}

/** The status less its texts and lists, for an API server that will not take it whole: the ledger is what must not be lost. */
export function serializeStatusWithoutTexts(status: Status, cache: ImageCache): SerializedStatus {
  return { ...serializeStatus({ ...status, failures: {} }, cache), images: [] };
}

/** Whether writing this status would change nothing. */
export const isSameStatus = (status: Status, cache: ImageCache): boolean =>
  !cache.hasFormerStatus &&
  JSON.stringify(serializeStatus(status, cache)) === JSON.stringify(serializeStatus(cache.status, cache));

type ImageCount = { readonly image: string; readonly ready: number; readonly failed: number };

/** Per image, on how many nodes it is and on how many it failed; at most this many images are told. */
const mostImages = 1000;

function imageCounts(status: Status, cache: ImageCache): readonly ImageCount[] {
  const counts = new Map<string, ImageCount>();
  for (const [want, lists] of Object.entries(status.desired)) {
    const images = imagesOf(cache, lists);
    const { ready, failed } = countsPerIndex(
      images.length,
      Object.values(status.nodes).filter((entry) => entry.desiredHash === want),
    );
    images.forEach((image, index) => {
      const count = counts.get(image) ?? { image, ...toldOf(image, status), ready: 0, failed: 0 };
      counts.set(image, {
        ...count,
        ready: count.ready + (ready[index] ?? 0),
        failed: count.failed + (failed[index] ?? 0),
      });
    });
  }
  return [...counts.values()].toSorted((a, b) => (a.image < b.image ? -1 : 1)).slice(0, mostImages);
}

/** What kubelets and registries say that an image stands for. */
function toldOf(image: string, { digests, knownDigests }: Status): SerializedStatus {
  const { digest, unresolvedReason, hasMismatch, lastUnresolvedPull } = ownEntry(knownDigests, image) ?? unknownDigest;
  return {
    ...text('digest', ownEntry(digests, image) ?? ''),
    ...text('resolvedDigest', digest),
    ...text('unresolvedReason', unresolvedReason),
    ...(hasMismatch ? { digestMismatch: true } : {}),
    ...time('lastUnresolvedPullTime', lastUnresolvedPull),
  };
}

/** A node that is ready has all; one that tries again or has failed has all but what it tries or failed. */
function countsPerIndex(length: number, entries: readonly LedgerEntry[]): { ready: number[]; failed: number[] } {
  const settled = entries.filter((entry) => entry.state === 'Ready' || entry.failedImages.length > 0);
  const failed = Array.from({ length }, () => 0);
  for (const entry of settled) for (const index of entry.failedImages) failed[index] = (failed[index] ?? 0) + 1;
  return { ready: failed.map((count) => settled.length - count), failed };
}

const omitted = (nodes: Ledger, failures: Failures): number =>
  Math.max(0, Object.values(nodes).reduce((sum, entry) => sum + entry.failedImages.length, 0) - failureCount(failures));

function wireEntry({
  id,
  desiredHash,
  attempt,
  state,
  reason,
  pendingImages,
  failedImages,
  oneImagePerJob,
  copiesNoop,
  finishedJobs,
}: LedgerEntry) {
  return {
    ...{ id, desiredHash, attempt, state },
    ...text('reason', reason),
    ...(pendingImages === undefined ? {} : { pendingImages }),
    ...(failedImages.length === 0 ? {} : { failedImages }),
    ...(oneImagePerJob ? { oneImagePerJob } : {}),
    ...(copiesNoop ? { copiesNoop } : {}),
    ...(finishedJobs === undefined ? {} : { finishedJobs: wireEnded(finishedJobs) }),
  };
}

const wireEnded = ({ imagesPerJob, jobs, failedImages, inconclusive }: FinishedJobs) => ({
  ...{ imagesPerJob, jobs },
  ...(failedImages.length === 0 ? {} : { failedImages }),
  ...(inconclusive ? { inconclusive } : {}),
});

function removals({ removals, toRemove }: Status): SerializedStatus {
  if (Object.keys(removals).length === 0) return {};
  const told = Object.entries(removals).map(([name, entry]) => [name, wireRemoval(entry)]);
  return { removals: Object.fromEntries(told), toRemove };
}

function wireRemoval(entry: RemovalEntry): SerializedStatus {
  const { id, imagesHash, round, attempt, state, reason, message, sparedImages, ...counts } = entry;
  return {
    ...{ id, imagesHash, round, attempt, state },
    ...text('reason', reason),
    ...text('message', message),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(sparedImages.length === 0 ? {} : { sparedImages: sparedImages.map(wireSpared) }),
  };
}

const wireSpared = ({ image, reason, by }: SparedImage): SerializedStatus => ({ image, reason, ...text('by', by) });

function wireRound({ requestedBy, startTime, ...round }: Round): SerializedStatus {
  return { ...round, ...time('startTime', startTime), ...(requestedBy === undefined ? {} : { requestedBy }) };
}

const wireCondition = (condition: Condition) => ({
  ...condition,
  ...time('lastTransitionTime', condition.lastTransitionTime),
});

const text = (key: string, value: string): Readonly<Record<string, string>> => (value === '' ? {} : { [key]: value });

const time = (key: string, value: number | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [key]: `${new Date(value).toISOString().slice(0, 19)}Z` };
