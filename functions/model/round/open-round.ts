import { annotations } from '#model/cache/api.ts';
import { type Ledger, type LedgerEntry, mayHoldImages, newEntry } from '#model/cache/ledger.ts';
import { nothingFound } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { withPlacements } from '#model/desired/placements.ts';
import type { Plan } from '#model/plan.ts';
import { type RemovalLedger, newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { type RoundRequest, newRound } from './next-round.ts';
import { processingMessage, statusReason } from '#model/cache/round.ts';

/** The cache with a round opened: unsettled and failed nodes start over, Ready ones stay. */
export function openRound(cache: ImageCache, request: RoundRequest, now: number): ImageCache {
  const round = newRound(cache, request, now);
  return {
    ...cache,
    status: {
      ...cache.status,
      status: 'Processing',
      reason: statusReason(request.operation),
      message: processingMessage(request.operation),
      startTime: now,
      completionTime: undefined,
      nextWaveTime: undefined,
      absentImages: [],
      failures: {},
      observedGeneration: cache.generation,
      ...(request.operation === 'Purge' ? nothingDesired : { nodes: renewed(cache.status.nodes) }),
      removals: unfinished(cache.status.removals, round.number),
      lastHandledRefreshAt: handledToken(cache, request),
      lastHandledPurgeAt: handledPurgeToken(cache, request),
      placements: withPlacements(cache),
      found: request.operation === 'Purge' ? nothingFound : cache.found,
      round,
    },
  };
}

/** An edit, and other images of workloads, leave a refresh token for the next refresh; every other round handles it. */
function handledToken({ annotations: given, status }: ImageCache, { trigger, operation }: RoundRequest): string {
  const isLeft = (trigger === 'Spec' || trigger === 'Workloads') && operation === 'Update';
  return isLeft ? status.lastHandledRefreshAt : (given[annotations.refreshRequestedAt] ?? status.lastHandledRefreshAt);
}

/** In a purge no node has to hold any image. */
const nothingDesired = {
  ...{ nodes: {}, desired: {}, digests: {}, knownDigests: {}, anonymousPulls: {} },
  nextRefreshTime: undefined,
};

/** Completed removals of earlier rounds are dropped; unfinished ones are still to be done, failed ones at once. */
const unfinished = (removals: RemovalLedger, round: number): RemovalLedger =>
  Object.fromEntries(
    Object.entries(removals).flatMap(([name, entry]) => {
      if (entry.state === 'Removed') return [];
      return [[name, entry.state === 'Failed' ? newRemovalEntry(entry.id, entry.imagesHash, round) : entry]];
    }),
  );

function handledPurgeToken({ annotations: given, status }: ImageCache, { operation }: RoundRequest): string {
  const isHandled = operation === 'Purge' || operation === 'Create';
  return isHandled ? (given[annotations.purgeRequestedAt] ?? status.lastHandledPurgeAt) : status.lastHandledPurgeAt;
}

function renewed(nodes: Ledger): Ledger {
  return Object.fromEntries(Object.entries(nodes).map(([name, entry]) => [name, renewedEntry(entry)]));
}

function renewedEntry(entry: LedgerEntry): LedgerEntry {
  if (entry.state === 'Ready') return { ...entry, attempt: 0, rests: 0 };
  const { id, desiredHash, retainedHash, copiesNoop, lockedImages, topology } = entry;
  const { state, reason } = entry.state === 'Skipped' ? entry : newEntry(id, desiredHash);
  const kept = { retainedHash, state, reason, copiesNoop, lockedImages, topology, holdsImages: mayHoldImages(entry) };
  return { ...newEntry(id, desiredHash), ...kept };
}

/** Removes trigger annotations that are older than the first round, without acting on them, and says so in an Event. */
export function ignoreStaleTriggers(cache: ImageCache, plan: Plan): Plan {
  const requested = cache.status.round?.requestedBy?.annotation;
  const stale = [annotations.refresh, annotations.purge].filter((key) => key in cache.annotations && key !== requested);
  if (stale.length === 0) return plan;
  const message = `${stale.join(' and ')} was set before the first round of the cache: removed without acting on it`;
  return {
    ...plan,
    annotations: Object.fromEntries(stale.map((key) => [key, cache.annotations[key] ?? ''])),
    events: [...plan.events, { type: 'Warning', reason: 'StaleTriggerIgnored', message, key: 'stale-trigger' }],
  };
}
