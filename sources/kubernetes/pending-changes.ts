import { maxChangedObjects, type ObjectReference } from '#model/cache/cloud-event.ts';
import { leading, type Batch } from './batch.ts';

/** What waits to be told of one cache and one class of objects. To add one costs the same, however many wait. */
export type PendingChanges = {
  readonly isEmpty: () => boolean;
  /** Takes in what came later than all that waits. */
  readonly add: (batch: Batch) => void;
  /** Takes in what was taken out before and could not be told. */
  readonly putBack: (batch: Batch) => void;
  /**
   * Takes out as much as one event names, the oldest first; what is left is told in the next, named after the same change.
   * A batch that was put back and is still alone comes out as the same.
   */
  readonly take: () => Batch | undefined;
  readonly clear: () => void;
};

/** Objects that wait to be named, beyond which everything is looked at: the Jobs of 10,000 nodes, and their Pods. */
export const mostWaiting = 20_000;

type State = {
  head: Batch | undefined;
  /** The others of the head, by key, the oldest first; none while the head is as it came. */
  readonly named: Map<string, ObjectReference>;
};

export function createPendingChanges(): PendingChanges {
  const state: State = { head: undefined, named: new Map() };
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
      state.named.clear();
    },
  };
}

function add(state: State, batch: Batch): void {
  const { head, named } = state;
  if (head === undefined) {
    state.head = batch;
    return;
  }
  name(named, head);
  name(named, batch);
  join(state, head, batch);
}

function putBack(state: State, batch: Batch): void {
  const { head, named } = state;
  if (head === undefined) {
    state.head = batch;
    return;
  }
  const later = [...named];
  named.clear();
  name(named, batch);
  for (const [key, reference] of later) named.set(key, reference);
  name(named, head);
  join(state, batch, head);
}

function take(state: State): Batch | undefined {
  const { head, named } = state;
  if (head === undefined || named.size === 0) {
    state.head = undefined;
    return head;
  }
  const others = [...named.values()].slice(0, maxChangedObjects - 1).toReversed();
  for (const reference of others) named.delete(keyOf(reference));
  state.head = named.size === 0 ? undefined : { ...head, others: [] };
  return { ...head, others };
}

function name(named: State['named'], { others }: Batch): void {
  if (others !== 'all') for (const reference of others.toReversed()) named.set(keyOf(reference), reference);
}

function join(state: State, earlier: Batch, later: Batch): void {
  const { named } = state;
  const change = leading(earlier.change, later.change);
  for (const reference of [earlier.change.object, later.change.object]) named.set(keyOf(reference), reference);
  named.delete(keyOf(change.object));
  const isAll = earlier.others === 'all' || later.others === 'all' || named.size >= mostWaiting;
  if (isAll) named.clear();
  state.head = { cache: later.cache, change, others: isAll ? 'all' : [] };
}

const keyOf = ({ kind, namespace, name }: ObjectReference): string => `${kind}/${namespace}/${name}`;
