import { annotations, finalizer } from '#model/cache/api.ts';
import { isPurged, isRoundOpen, type ImageCache } from '#model/cache/image-cache.ts';
import type { Operation, RequestAnnotation, Round, Trigger } from '#model/cache/round.ts';

/** What a round may be opened for; a purge counts by itself, whoever asks for it. */
export type RoundReason = Trigger | 'Purge';

export type RoundRequest = {
  readonly operation: Operation;
  readonly trigger: Trigger;
  /** The annotation that asks for it, where one does. */
  readonly annotation?: RequestAnnotation;
};

/**
 * Does a round open, and which? The first that applies wins: a deletion that removes the images first, a purge that was asked for,
 * a new generation, a refresh that was asked for, one that is due.
 * A purge takes over from any round, and is itself left to end; a new generation takes over from a round that pulls; a refresh waits for the end.
 */
export function nextRound(cache: ImageCache, now: number): RoundRequest | undefined {
  if (cache.isBeingDeleted) return deletion(cache);
  if (cache.spec.suspend) return undefined;
  if (isFromKubeFledged(cache)) return wasInterrupted(cache) ? { operation: 'Refresh', trigger: 'Adopted' } : undefined;
  if (cache.status.observedGeneration === undefined) return { operation: 'Create', trigger: 'Spec' };
  const purge = requestedPurge(cache);
  if (purge !== undefined) return purge;
  if (isPurged(cache) && isRoundOpen(cache.status)) return undefined;
  if (cache.status.observedGeneration !== cache.generation) return { operation: 'Update', trigger: 'Spec' };
  if (isRoundOpen(cache.status)) return undefined;
  return requestedRefresh(cache) ?? dueRefresh(cache, now);
}

/** Whether the asking function may open the round. */
export const mayOpen = ({ operation, trigger }: RoundRequest, opens: readonly RoundReason[]): boolean =>
  opens.includes(operation === 'Purge' ? 'Purge' : trigger);

/** Images go before the cache does, if it says so and our finalizer holds it. */
function deletion({ finalizers, spec, status }: ImageCache): RoundRequest | undefined {
  if (spec.deletionPolicy !== 'Purge' || !finalizers.includes(finalizer)) return undefined;
  return status.round?.trigger === 'Deletion' ? undefined : { operation: 'Purge', trigger: 'Deletion' };
}

/** An open purge is not begun anew; another one that is asked for meanwhile follows it. */
function requestedPurge(cache: ImageCache): RoundRequest | undefined {
  const { status, annotations: given } = cache;
  if (isPurged(cache) && isRoundOpen(status)) return undefined;
  const request = { operation: 'Purge', trigger: 'Annotation' } as const;
  const value = given[annotations.purge];
  if (value !== undefined && finishedRequest(cache)?.annotation !== annotations.purge)
    return { ...request, annotation: { annotation: annotations.purge, value } };
  const token = given[annotations.purgeRequestedAt] ?? '';
  return token !== '' && token !== status.lastHandledPurgeAt ? request : undefined;
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

/** The annotation of a round that has ended, if it is still there as it was: it is only to be taken away. */
export function finishedRequest(cache: ImageCache): RequestAnnotation | undefined {
  const pending = cache.status.round?.requestedBy;
  if (pending === undefined || isRoundOpen(cache.status)) return undefined;
  return cache.annotations[pending.annotation] === pending.value ? pending : undefined;
}

/** Whether a refresh was asked for by name, or its annotation is still to be taken away. All else of a cache is no concern of `refresh` between ticks. */
export const requestsRefresh = (cache: ImageCache): boolean =>
  requestedRefresh(cache) !== undefined || finishedRequest(cache) !== undefined;

/** An annotation asks until it is taken away; a token asks once for each of its values. */
function requestedRefresh(cache: ImageCache): RoundRequest | undefined {
  const asked = cache.annotations[annotations.refresh];
  const token = cache.annotations[annotations.refreshRequestedAt] ?? '';
  const isNew = token !== '' && token !== cache.status.lastHandledRefreshAt;
  if (asked === undefined || finishedRequest(cache)?.annotation === annotations.refresh)
    return isNew ? { operation: 'Refresh', trigger: 'Annotation' } : undefined;
  return { operation: 'Refresh', trigger: 'Annotation', annotation: { annotation: annotations.refresh, value: asked } };
}

/** Never of a purged cache: what was to go would come back. */
function dueRefresh(cache: ImageCache, now: number): RoundRequest | undefined {
  const { nextRefreshTime } = cache.status;
  const isDue = nextRefreshTime !== undefined && nextRefreshTime <= now && !isPurged(cache);
  return isDue ? { operation: 'Refresh', trigger: 'Schedule' } : undefined;
}

/** The round that opens on a request. */
export function newRound(cache: ImageCache, { operation, trigger, annotation }: RoundRequest, now: number): Round {
  const number = (cache.status.round?.number ?? 0) + 1;
  return { number, operation, trigger, generation: cache.generation, startTime: now, requestedBy: annotation };
}
/** Whether a round begins with asking registries. At an edit nodes that have all they want are left alone, whatever has moved. */
export const resolvesImages = ({ operation }: RoundRequest): boolean =>
  operation === 'Create' || operation === 'Refresh';
