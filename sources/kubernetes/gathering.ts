import { mostChangedObjects, type ObjectReference } from '#model/cloud-event.ts';
import { leading, type Batch } from './batch.ts';

/** What waits to be told of one cache and one class of objects. To add one costs the same, however many wait. */
export type Gathering = {
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

export function createGathering(): Gathering {
  let head: Batch | undefined;
  /** The others of the head, by key, the oldest first; none while the head is as it came. */
  const named = new Map<string, ObjectReference>();

  const join = (earlier: Batch, later: Batch): void => {
    const change = leading(earlier.change, later.change);
    for (const reference of [earlier.change.object, later.change.object]) named.set(keyOf(reference), reference);
    named.delete(keyOf(change.object));
    const isAll = earlier.others === 'all' || later.others === 'all' || named.size >= mostWaiting;
    if (isAll) named.clear();
    head = { cache: later.cache, change, others: isAll ? 'all' : [] };
  };
  const name = ({ others }: Batch): void => {
    if (others !== 'all') for (const reference of others.toReversed()) named.set(keyOf(reference), reference);
  };

  return {
    isEmpty: () => head === undefined,
    add: (batch) => {
      if (head === undefined) {
        head = batch;
        return;
      }
      name(head);
      name(batch);
      join(head, batch);
    },
    putBack: (batch) => {
      if (head === undefined) {
        head = batch;
        return;
      }
      const later = [...named];
      named.clear();
      name(batch);
      for (const [key, reference] of later) named.set(key, reference);
      name(head);
      join(batch, head);
    },
    take: () => {
      const taken = head;
      if (taken === undefined || named.size === 0) {
        head = undefined;
        return taken;
      }
      const others = [...named.values()].slice(0, mostChangedObjects - 1).toReversed();
      for (const reference of others) named.delete(keyOf(reference));
      head = named.size === 0 ? undefined : { ...taken, others: [] };
      return { ...taken, others };
    },
    clear: () => {
      head = undefined;
      named.clear();
    },
  };
}

const keyOf = ({ kind, namespace, name }: ObjectReference): string => `${kind}/${namespace}/${name}`;
