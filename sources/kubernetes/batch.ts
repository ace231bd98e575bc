import type { CacheReference, ObjectReference, Verb } from '#model/cache/cloud-event.ts';

/** One change as an event tells of it. */
export type ObservedChange = {
  readonly verb: Verb;
  readonly object: ObjectReference;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Of an ImageCache. */
  readonly generation?: number | undefined;
  /** It is about what is to be removed from nodes. */
  readonly isRemoval?: boolean;
};

/** All that waits to be told of one cache and one class of objects, in one event. */
export type Batch = {
  readonly cache: CacheReference;
  /** It gives the event its name: the latest of the cache itself, which concerns more functions than its Jobs do, or else the latest. */
  readonly change: ObservedChange;
  /** The other objects that changed, the latest first; 'all' when they are too many to name, or when all is to be looked at anyway. */
  readonly others: readonly ObjectReference[] | 'all';
};

/** A batch of one; a cache that was added has everything looked at, as nobody knows what happened before. */
export function batchOf(cache: CacheReference, change: ObservedChange): Batch {
  const all = change.object.kind === 'ImageCache' && change.verb === 'add';
  return { cache, change, others: all ? 'all' : [] };
}

/** What gives the event its name when two are told in one: later news wins, but over the cache's own, and an add that was not told yet stays one. */
export function leading(earlier: ObservedChange, later: ObservedChange): ObservedChange {
  if (isOfCache(earlier) && !isOfCache(later)) return earlier;
  const sticks = earlier.verb === 'add' && later.verb === 'update' && earlier.uid === later.uid;
  return sticks ? { ...later, verb: earlier.verb } : later;
}

const isOfCache = ({ object }: ObservedChange): boolean => object.kind === 'ImageCache';
