import { roundDownToSecond } from '#model/text/times.ts';
import { annotations, finalizer } from '#model/cache/api.ts';
import { refusedGeneration, refusedMessage } from '#model/cache/conditions.ts';
import { type ImageCache, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import { hasNewFound } from '#model/cache/found-images.ts';
import type { Operation, RequestAnnotation, Trigger } from '#model/cache/round.ts';
import { hash } from '#model/text/hash.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Scheduled } from '#model/world.ts';

/** What a round may open for; a purge counts by itself, whatever requests it. */
export type RoundReason = Trigger | 'Purge';

export type RoundRequest = {
  readonly operation: Operation;
  readonly trigger: Trigger;
  /** The annotation that requests it, if one does. */
  readonly annotation?: RequestAnnotation;
};

/**
 * Which round opens next, if any. The first that applies wins: a deletion that removes the images first, a requested purge,
 * a new generation, other images of workloads, a requested refresh, a refresh that is due.
 * A purge supersedes any other round and itself runs to its end; a new generation and other images supersede a round that pulls; a refresh waits.
 */
export function nextRound(cache: ImageCache, now: number): RoundRequest | undefined {
  if (cache.isBeingDeleted) return deletion(cache);
  if (cache.spec.suspend) return undefined;
  if (isFromKubeFledged(cache)) return interrupted(cache);
  if (cache.status.observedGeneration === undefined) return { operation: 'Create', trigger: 'Spec' };
  const purge = requestedPurge(cache);
  if (purge !== undefined) return purge;
  if (isPurged(cache) && isRoundOpen(cache.status)) return undefined;
  if (cache.status.observedGeneration !== cache.generation || refusedMessage(cache.status) !== undefined)
    return { operation: cache.status.round === undefined ? 'Create' : 'Update', trigger: 'Spec' };
  if (hasNewFound(cache) && !isPurged(cache)) return { operation: 'Update', trigger: 'Workloads' };
  if (isRoundOpen(cache.status)) return undefined;
  return requestedRefresh(cache) ?? dueRefresh(cache, now);
}

/** Whether the calling function may open the round. */
export const mayOpen = ({ operation, trigger }: RoundRequest, opens: readonly RoundReason[]): boolean =>
  opens.includes(operation === 'Purge' ? 'Purge' : trigger);

/** With deletionPolicy Purge and our finalizer, the images are removed before the cache. */
function deletion({ finalizers, spec, status }: ImageCache): RoundRequest | undefined {
  if (spec.deletionPolicy !== 'Purge' || !finalizers.includes(finalizer)) return undefined;
  return status.round?.trigger === 'Deletion' ? undefined : { operation: 'Purge', trigger: 'Deletion' };
}

/** An open purge is not restarted; one requested meanwhile follows it. */
function requestedPurge(cache: ImageCache): RoundRequest | undefined {
  const { status } = cache;
  if (isPurged(cache) && isRoundOpen(status)) return undefined;
  const request = { operation: 'Purge', trigger: 'Annotation' } as const;
  const value = cache.annotations[annotations.purge];
  if (value !== undefined && finishedRequest(cache)?.annotation !== annotations.purge)
    return { ...request, annotation: { annotation: annotations.purge, value } };
  const token = cache.annotations[annotations.purgeRequestedAt] ?? '';
  return token !== '' && token !== status.lastHandledPurgeAt ? request : undefined;
}

/**
 * A status without observedGeneration was written by kube-fledged: the cache is adopted. Not after an edit of a spec that was
 * refused: kube-fledged has not pulled what it lists now.
 */
export function isFromKubeFledged({ status, generation }: ImageCache): boolean {
  const isEdited = refusedMessage(status) !== undefined && refusedGeneration(status) !== generation;
  return status.status !== '' && status.observedGeneration === undefined && !isEdited;
}

/**
 * What kube-fledged was interrupted in is done again: a purge if its status or an annotation requests one, else a refresh. What an
 * annotation requests of a cache whose status was pruned is done: kube-fledged has not served it.
 */
function interrupted(cache: ImageCache): RoundRequest | undefined {
  const { status, reason } = cache.status;
  const isInterrupted = status === 'Processing' || status === 'Aborted';
  if (!isInterrupted && !cache.isStatusPruned) return undefined;
  const request = (annotation: RequestAnnotation['annotation']) => {
    const value = cache.annotations[annotation];
    return value === undefined ? undefined : { annotation: { annotation, value } };
  };
  const [purge, refresh] = [request(annotations.purge), request(annotations.refresh)];
  if (purge !== undefined) return { operation: 'Purge', trigger: 'Adopted', ...purge };
  if (isInterrupted && reason === 'ImageCachePurge') return { operation: 'Purge', trigger: 'Adopted' };
  return isInterrupted || refresh !== undefined
    ? { operation: 'Refresh', trigger: 'Adopted', ...(cache.isStatusPruned ? refresh : {}) }
    : undefined;
}

/**
 * The annotation that requested a round that has ended, if its value is unchanged: it must only be removed. Not if it was written after
 * the status: a process has died between the removal and the record of it, and the same was requested again.
 */
export function finishedRequest(cache: ImageCache): RequestAnnotation | undefined {
  const pending = cache.status.round?.requestedBy;
  if (pending === undefined || isRoundOpen(cache.status)) return undefined;
  const isNew = (cache.annotatedAt[pending.annotation] ?? 0) > (cache.statusWrittenAt ?? Infinity);
  return cache.annotations[pending.annotation] === pending.value && !isNew ? pending : undefined;
}

/** Whether a refresh is requested, or the annotation of a finished one must be removed. `refresh` handles nothing else between ticks. */
export const requestsRefresh = (cache: ImageCache): boolean =>
  requestedRefresh(cache) !== undefined || finishedRequest(cache) !== undefined;

/** The annotation requests a refresh until it is removed; the token requests one for each new value. */
function requestedRefresh(cache: ImageCache): RoundRequest | undefined {
  const value = cache.annotations[annotations.refresh];
  const token = cache.annotations[annotations.refreshRequestedAt] ?? '';
  const isNew = token !== '' && token !== cache.status.lastHandledRefreshAt;
  if (value === undefined || finishedRequest(cache)?.annotation === annotations.refresh)
    return isNew ? { operation: 'Refresh', trigger: 'Annotation' } : undefined;
  return { operation: 'Refresh', trigger: 'Annotation', annotation: { annotation: annotations.refresh, value } };
}

/** A purged cache is not refreshed: its images would come back. */
function dueRefresh(cache: ImageCache, now: number): RoundRequest | undefined {
  const { nextRefreshTime } = cache.status;
  const isDue = nextRefreshTime !== undefined && nextRefreshTime <= now && !isPurged(cache);
  return isDue ? { operation: 'Refresh', trigger: 'Schedule' } : undefined;
}

/** Whether a round begins by resolving images in their registries. An edit leaves nodes alone that have all desired images. */
export const resolvesImages = ({ operation }: RoundRequest): boolean =>
  operation === 'Create' || operation === 'Refresh';

/** When the next refresh of a cache is due, in epoch milliseconds; undefined if none is scheduled. */
export function nextRefresh(
  cache: ImageCache,
  settings: Settings,
  scheduled: Scheduled | undefined,
  now: number,
): number | undefined {
  if (isPurged(cache)) return undefined;
  if (cache.spec.refreshSchedule !== undefined) return scheduled?.next;
  const seconds = cache.spec.refreshSeconds;
  const period = seconds === undefined ? settings.refreshFrequency : seconds * 1000;
  if (period === 0) return undefined;
  const due = roundDownToSecond(now + period * (1 - maxSpread * fractionOf(cache.uid)));
  // A source sets a timer for a time that has changed: the next second at the earliest.
  return Math.max(due, roundDownToSecond(now) + 1000);
}

/**
 * The most that a refresh is early, as a part of its period. Caches that were applied together would otherwise always be due in
 * the same minute, and request the same registries at once.
 */
const maxSpread = 0.1;

/** A number from 0 to 1 that is always the same for a cache. */
const fractionOf = (uid: string): number => parseInt(hash(8, uid), 16) / 0xffff_ffff;
