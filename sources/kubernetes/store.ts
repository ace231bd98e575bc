import type { ObjectReference, Verb } from '#model/cache/cloud-event.ts';
import { referenceOf, type Entry, type Resource } from './resource.ts';

/** An object that was added, changed or deleted; `uid` and `resourceVersion` are of its last known state. */
export type Change<P> = {
  readonly verb: Verb;
  readonly reference: ObjectReference;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly previous: P | undefined;
  readonly current: P | undefined;
};

/** The objects an informer knows; compares them with each update. */
export type Store<P> = {
  readonly get: (key: string) => P | undefined;
  readonly keys: () => Iterable<string>;
  readonly size: () => number;
  /** Stores the state of one object. */
  readonly put: (key: string, entry: Entry<P>) => void;
  /** Removes a deleted object. */
  readonly remove: (key: string, entry: Entry<P>) => void;
  /** Stores a complete list: objects not in it were deleted, also while no watch was open. */
  readonly replace: (listed: ReadonlyMap<string, Entry<P>>) => void;
};

/** Calls `onChange` once for every difference, in order; the same name with another uid is a delete and an add. */
export function createStore<P>(resource: Resource<P>, onChange: (change: Change<P>) => void): Store<P> {
  const entries = new Map<string, Entry<P>>();
  const report = (
    verb: Verb,
    key: string,
    states: { last: Entry<P>; previous?: Entry<P>; current?: Entry<P> },
  ): void => {
    const { uid, resourceVersion } = states.last;
    const [previous, current] = [states.previous?.projection, states.current?.projection];
    onChange({ verb, reference: referenceOf(resource, key), uid, resourceVersion, previous, current });
  };
  const drop = (key: string, previous: Entry<P>, last: Entry<P>): void => {
    entries.delete(key);
    report('delete', key, { last, previous });
  };
  const put = (key: string, current: Entry<P>): void => {
    const known = entries.get(key);
    if (known?.uid === current.uid && known.resourceVersion === current.resourceVersion) return;
    const previous = known?.uid === current.uid ? known : undefined;
    if (known !== undefined && previous === undefined) drop(key, known, known);
    entries.set(key, current);
    if (previous === undefined) report('add', key, { last: current, current });
    else report('update', key, { last: current, previous, current });
  };
  return {
    get: (key) => entries.get(key)?.projection,
    keys: () => entries.keys(),
    size: () => entries.size,
    put,
    remove: (key, last) => {
      const known = entries.get(key);
      if (known?.uid === last.uid) drop(key, known, last);
    },
    replace: (listed) => {
      for (const [key, known] of [...entries]) if (!listed.has(key)) drop(key, known, known);
      for (const [key, entry] of listed) put(key, entry);
    },
  };
}
