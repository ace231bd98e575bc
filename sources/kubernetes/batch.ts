import { mostChangedObjects, type CacheReference, type ObjectReference, type Verb } from '#model/cloud-event.ts';

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

/** Both in one, so that nothing of either is lost: later news wins, but over the cache's own, and an add that was not told yet stays one. */
export function merged(earlier: Batch, later: Batch): Batch {
  const [named, other] = isOfCache(earlier) && !isOfCache(later) ? [earlier, later] : [later, earlier];
  const sticks = earlier.change.verb === 'add' && later.change.verb === 'update' && isSame(earlier, later);
  const change = sticks ? { ...later.change, verb: earlier.change.verb } : named.change;
  if (named.others === 'all' || other.others === 'all') return { ...later, change, others: 'all' };
  const others = distinct([...named.others, other.change.object, ...other.others], change.object);
  return { ...later, change, others: others.length < mostWaiting ? others : 'all' };
}

/** Objects that wait to be named, beyond which everything is looked at. */
export const mostWaiting = 2048;

/** As much of a batch as one event names, the oldest first, and what is left for the next: both are named after the same change. */
export function split(batch: Batch): { readonly next: Batch; readonly rest: Batch | undefined } {
  const { others } = batch;
  if (others === 'all' || others.length < mostChangedObjects) return { next: batch, rest: undefined };
  const left = others.length - (mostChangedObjects - 1);
  return { next: { ...batch, others: others.slice(left) }, rest: { ...batch, others: others.slice(0, left) } };
}

const isOfCache = ({ change }: Batch): boolean => change.object.kind === 'ImageCache';
const isSame = (one: Batch, other: Batch): boolean => one.change.uid === other.change.uid;

function distinct(references: readonly ObjectReference[], except: ObjectReference): readonly ObjectReference[] {
  const byKey = new Map(references.map((reference) => [keyOf(reference), reference]));
  byKey.delete(keyOf(except));
  return [...byKey.values()];
}

const keyOf = ({ kind, namespace, name }: ObjectReference): string => `${kind}/${namespace}/${name}`;
