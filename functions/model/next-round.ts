import { annotations } from './api.ts';
import type { ImageCache } from './image-cache.ts';
import type { Operation, Round, Trigger } from './round.ts';

export type RoundRequest = { readonly operation: Operation; readonly trigger: Trigger };

/**
 * Does a round open, and which? The first that applies wins.
 * Only rounds for a new generation exist so far; refresh and purge rounds are to come before and after it: purge > generation > refresh > schedule.
 */
export function nextRound(cache: ImageCache): RoundRequest | undefined {
  if (cache.isBeingDeleted || cache.spec.suspend) return undefined;
  if (isFromKubeFledged(cache)) return wasInterrupted(cache) ? { operation: 'Refresh', trigger: 'Adopted' } : undefined;
  if (cache.status.observedGeneration === undefined) return { operation: 'Create', trigger: 'Spec' };
  if (cache.status.observedGeneration !== cache.generation) return { operation: 'Update', trigger: 'Spec' };
  return undefined;
}

/** A cache with a status but no observedGeneration was written by kube-fledged: it is adopted, not begun anew. */
export const isFromKubeFledged = (cache: ImageCache): boolean =>
  cache.status.status !== '' && cache.status.observedGeneration === undefined;

/** kube-fledged was in the middle of a pull. An interrupted purge is no reason to pull again what was to go. */
export function wasInterrupted(cache: ImageCache): boolean {
  const { status, reason } = cache.status;
  const wasPurge = reason === 'ImageCachePurge' || annotations.purge in cache.annotations;
  return (status === 'Processing' || status === 'Aborted') && !wasPurge;
}

/** A purged cache stays empty until its spec changes or a refresh is asked for: no node gets a Job. */
export const isPurged = (cache: ImageCache): boolean => cache.status.round?.operation === 'Purge';

/** The round that opens on a request. */
export function openedRound(cache: ImageCache, request: RoundRequest, now: number): Round {
  return { number: (cache.status.round?.number ?? 0) + 1, ...request, generation: cache.generation, startTime: now };
}
