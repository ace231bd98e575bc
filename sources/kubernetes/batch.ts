import type { CacheReference, ObjectReference, Verb } from '#model/cache/cloud-event.ts';

/** One change of an object, as an event reports it. */
export type ObservedChange = {
  readonly verb: Verb;
  readonly object: ObjectReference;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Of an ImageCache. */
  readonly generation?: number | undefined;
  /** Whether it is about the removal of images from nodes. */
  readonly isRemoval?: boolean;
};

/** Pending changes of one cache and one class of objects, delivered as one event. */
export type Batch = {
  readonly cache: CacheReference;
  /** The object that the event is about: the latest change of the cache itself, which more functions handle, or else the latest change. */
  readonly change: ObservedChange;
  /** Other changed objects, the latest first; 'all' if they are too many to list, or if everything must be observed anyway. */
  readonly others: readonly ObjectReference[] | 'all';
};

/** A batch of one change; an added cache has everything observed, as what happened before is unknown. */
export function batchOf(cache: CacheReference, change: ObservedChange): Batch {
  const all = change.object.kind === 'ImageCache' && change.verb === 'add';
  return { cache, change, others: all ? 'all' : [] };
}

/**
 * The change that an event for both is about: the later one, unless only the earlier one is of the cache itself.
 * An add that was not delivered yet stays an add.
 */
export function mainChange(earlier: ObservedChange, later: ObservedChange): ObservedChange {
  if (isOfCache(earlier) && !isOfCache(later)) return earlier;
  const isStillAdd = earlier.verb === 'add' && later.verb === 'update' && earlier.uid === later.uid;
  return isStillAdd ? { ...later, verb: earlier.verb } : later;
}

const isOfCache = ({ object }: ObservedChange): boolean => object.kind === 'ImageCache';
