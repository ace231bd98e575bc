import { type CacheReference, type ObjectReference, type Verb, maxChangedObjects } from '#model/cache/cloud-event.ts';
import { boundTable } from '#runtime/bounds.ts';

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
function mainChange(earlier: ObservedChange, later: ObservedChange): ObservedChange {
  if (isOfCache(earlier) && !isOfCache(later)) return earlier;
  const isStillAdd = earlier.verb === 'add' && later.verb === 'update' && earlier.uid === later.uid;
  return isStillAdd ? { ...later, verb: earlier.verb } : later;
}

const isOfCache = ({ object }: ObservedChange): boolean => object.kind === 'ImageCache';

/** Pending changes of one cache and one class of objects. Adding one takes constant time. */
export type PendingChanges = {
  readonly isEmpty: () => boolean;
  /** Adds a batch that is newer than all pending ones. */
  readonly add: (batch: Batch) => void;
  /** Returns a batch that was taken and could not be delivered. */
  readonly putBack: (batch: Batch) => void;
  /**
   * Takes as many changes as one event can list, the oldest first; the rest follows in the next event about the same object.
   * A batch that was put back unmerged is returned as the same object.
   */
  readonly take: () => Batch | undefined;
  readonly clear: () => void;
};

/** Pending objects beyond which everything is observed instead: the Jobs of 10,000 nodes, and their Pods. */
export const maxPending = boundTable.pending_changes.limit;

type State = {
  head: Batch | undefined;
  /** The other objects, by key, the oldest first; empty while the head is unmerged. */
  readonly others: Map<string, ObjectReference>;
};

export function createPendingChanges(): PendingChanges {
  const state: State = { head: undefined, others: new Map() };
  return {
    isEmpty: () => state.head === undefined,
    add: (batch) => {
      add(state, batch);
    },
    putBack: (batch) => {
      putBack(state, batch);
    },
    take: () => take(state),
    clear: () => {
      state.head = undefined;
      state.others.clear();
    },
  };
}

function add(state: State, batch: Batch): void {
  const { head, others } = state;
  if (head === undefined) {
    state.head = batch;
    return;
  }
  addOthers(others, head);
  addOthers(others, batch);
  merge(state, head, batch);
}

function putBack(state: State, batch: Batch): void {
  const { head, others } = state;
  if (head === undefined) {
    state.head = batch;
    return;
  }
  const later = [...others];
  others.clear();
  addOthers(others, batch);
  for (const [key, reference] of later) others.set(key, reference);
  addOthers(others, head);
  merge(state, batch, head);
}

function take(state: State): Batch | undefined {
  const { head, others } = state;
  if (head === undefined || others.size === 0) {
    state.head = undefined;
    return head;
  }
  const taken = [...others.values()].slice(0, maxChangedObjects - 1).toReversed();
  for (const reference of taken) others.delete(keyOf(reference));
  state.head = others.size === 0 ? undefined : { ...head, others: [] };
  return { ...head, others: taken };
}

function addOthers(target: State['others'], { others }: Batch): void {
  if (others !== 'all') for (const reference of others.toReversed()) target.set(keyOf(reference), reference);
}

function merge(state: State, earlier: Batch, later: Batch): void {
  const { others } = state;
  const change = mainChange(earlier.change, later.change);
  for (const reference of [earlier.change.object, later.change.object]) others.set(keyOf(reference), reference);
  others.delete(keyOf(change.object));
  const isAll = earlier.others === 'all' || later.others === 'all' || others.size >= maxPending;
  if (isAll) others.clear();
  state.head = { cache: later.cache, change, others: isAll ? 'all' : [] };
}

const keyOf = ({ kind, namespace, name }: ObjectReference): string => `${kind}/${namespace}/${name}`;
