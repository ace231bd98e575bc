import { annotations } from '#model/cache/api.ts';
import { newEntry, type Ledger, type LedgerEntry } from '#model/cache/ledger.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { withPlacements } from '#model/desired/placements.ts';
import type { Plan } from '#model/plan.ts';
import type { RemovalLedger } from '#model/cache/removal-ledger.ts';
import { newRound, type RoundRequest } from './next-round.ts';
import { processingMessage, statusReason } from '#model/cache/round.ts';

/** The cache with a round opened: whatever was unsettled or failed is to be done again, what is there stays. */
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
      failures: {},
      observedGeneration: cache.generation,
      ...(request.operation === 'Purge' ? nothingPulled : { nodes: renewed(cache.status.nodes) }),
      removals: unfinished(cache.status.removals),
      lastHandledRefreshAt: handledToken(cache, request),
      lastHandledPurgeAt: handledPurgeToken(cache, request),
      placements: withPlacements(cache),
      round,
    },
  };
}

/** An edit leaves a token for the refresh after it; a cache that is taken up has handled what was there before. */
function handledToken({ annotations: given, status }: ImageCache, { trigger, operation }: RoundRequest): string {
  const isLeft = (trigger === 'Spec' && operation === 'Update') || operation === 'Purge';
  return isLeft ? status.lastHandledRefreshAt : (given[annotations.refreshRequestedAt] ?? status.lastHandledRefreshAt);
}

/** What is to go is not to be there: no node has to hold anything. */
const nothingPulled = { nodes: {}, desired: {}, digests: {}, knownDigests: {}, nextRefreshTime: undefined };

/** What the rounds before have removed is told until now; what they have not is still to be removed. */
const unfinished = (removals: RemovalLedger): RemovalLedger =>
  Object.fromEntries(Object.entries(removals).filter(([, { state }]) => state !== 'Removed' && state !== 'Failed'));

function handledPurgeToken({ annotations: given, status }: ImageCache, { operation }: RoundRequest): string {
  const isHandled = operation === 'Purge' || operation === 'Create';
  return isHandled ? (given[annotations.purgeRequestedAt] ?? status.lastHandledPurgeAt) : status.lastHandledPurgeAt;
}

function renewed(nodes: Ledger): Ledger {
  return Object.fromEntries(Object.entries(nodes).map(([name, entry]) => [name, renewedEntry(entry)]));
}

function renewedEntry(entry: LedgerEntry): LedgerEntry {
  if (entry.state === 'Ready') return { ...entry, attempt: 0 };
  const { id, desiredHash, copiesNoop } = entry;
  const { state, reason } = entry.state === 'Skipped' ? entry : newEntry(id, desiredHash);
  return { ...newEntry(id, desiredHash), state, reason, copiesNoop };
}

/** Trigger annotations that were there before anyone watched ask for nothing: they go, with a word about it. */
export function staleTriggers(cache: ImageCache, plan: Plan): Partial<Plan> {
  const stale = [annotations.refresh, annotations.purge].filter((key) => key in cache.annotations);
  if (stale.length === 0) return {};
  const message = `${stale.join(' and ')} was there before the cache was taken up: removed without acting on it`;
  return {
    annotations: Object.fromEntries(stale.map((key) => [key, cache.annotations[key] ?? ''])),
    events: [...plan.events, { type: 'Warning', reason: 'StaleTriggerIgnored', message, key: 'stale-trigger' }],
  };
}
