import { annotations } from './api.ts';
import { freshEntry, type Ledger, type LedgerEntry } from './ledger.ts';
import type { ImageCache, Placed } from './image-cache.ts';
import type { Plan } from './plan.ts';
import { openedRound, type RoundRequest } from './next-round.ts';
import { processingMessage, reasonOf } from './round.ts';

/** The cache with a round opened: whatever was unsettled or failed is to be done again, what is there stays. */
export function openRound(cache: ImageCache, request: RoundRequest, now: number): ImageCache {
  const round = openedRound(cache, request, now);
  return {
    ...cache,
    status: {
      ...cache.status,
      status: 'Processing',
      reason: reasonOf(request.operation),
      message: processingMessage(request.operation),
      startTime: now,
      completionTime: undefined,
      failures: {},
      observedGeneration: cache.generation,
      nodes: renewed(cache.status.nodes),
      lastHandledRefreshAt: handledToken(cache, request),
      placed: withPlaced(cache),
      round,
    },
  };
}

/** An edit leaves a token for the refresh after it; a cache that is taken up has handled what was there before. */
function handledToken({ annotations: given, status }: ImageCache, { trigger, operation }: RoundRequest): string {
  const isLeft = trigger === 'Spec' && operation === 'Update';
  return isLeft ? status.lastHandledRefreshAt : (given[annotations.refreshRequestedAt] ?? status.lastHandledRefreshAt);
}

function renewed(nodes: Ledger): Ledger {
  return Object.fromEntries(Object.entries(nodes).map(([name, entry]) => [name, renewedEntry(entry)]));
}

function renewedEntry(entry: LedgerEntry): LedgerEntry {
  if (entry.state === 'Ready') return { ...entry, attempt: 0 };
  const { id, want, copy } = entry;
  const { state, reason } = entry.state === 'Skipped' ? entry : freshEntry(id, want);
  return { ...freshEntry(id, want), state, reason, copy };
}

/** Remembers what this generation may place on nodes, before its first Job; a list that is remembered already keeps its place. */
export function withPlaced(cache: ImageCache): readonly Placed[] {
  const known = new Set(cache.status.placed.map(signature));
  const added = cache.spec.lists
    .map(({ images, nodeSelector, nodeMatchExpressions }) => {
      return { images, nodeSelector, nodeMatchExpressions, sinceGeneration: cache.generation };
    })
    .filter((placed) => !known.has(signature(placed)));
  return newestFitting([...cache.status.placed, ...added]);
}

/** As many of the newest as a status has room for. */
function newestFitting(placed: readonly Placed[]): readonly Placed[] {
  let room = 128 * 1024;
  return placed
    .toReversed()
    .filter((entry) => (room -= JSON.stringify(entry).length) >= 0)
    .toReversed();
}

const signature = ({ images, nodeSelector, nodeMatchExpressions }: Placed): string =>
  JSON.stringify([images.toSorted(), Object.entries(nodeSelector).toSorted(), nodeMatchExpressions]);

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
