import type { KubeObject } from './kube-object.ts';
import { nameOf, namespaceOf, versionOf, withMetadata } from './kube-object.ts';

export type Change = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  /** The object after the change; for a DELETED one its last state under the version of the deletion. */
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
};

type Shelf = {
  readonly objects: Map<string, KubeObject>;
  /** Their keys in order. */
  readonly keys: string[];
  readonly listeners: Set<(change: Change) => void>;
  readonly history: Change[];
  /** Versions up to this one can no longer be replayed. */
  compacted: number;
};

/** All objects in memory, each kind with the changes that a watch can still replay. */
export type Store = {
  readonly version: () => number;
  readonly get: (kind: string, namespace: string, name: string) => KubeObject | undefined;
  /** Sorted by namespace and name. */
  readonly list: (kind: string, namespace?: string) => readonly KubeObject[];
  /** The list as it was at a version; undefined where the history does not reach back. */
  readonly listAt: (kind: string, version: number) => readonly KubeObject[] | undefined;
  /** Stores it under a new resourceVersion and answers it so. */
  readonly put: (kind: string, object: KubeObject) => KubeObject;
  readonly remove: (kind: string, object: KubeObject) => KubeObject;
  /** The changes after a version; undefined where the history does not reach back. */
  readonly since: (kind: string, version: number) => readonly Change[] | undefined;
  readonly listen: (kind: string, listener: (change: Change) => void) => () => void;
};

const keyOf = (object: KubeObject): string => `${namespaceOf(object)}/${nameOf(object)}`;

/** Where a key is in a sorted list, or belongs. */
const placeOf = (keys: readonly string[], key: string): number => {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
};

const all = ({ objects, keys }: Shelf): readonly KubeObject[] => keys.flatMap((key) => objects.get(key) ?? []);

/** What undoing changes, newest first, leaves of a list. */
const undone = (on: Shelf, changes: readonly Change[]): readonly KubeObject[] => {
  if (changes.length === 0) return all(on);
  const before = new Map<string, KubeObject | undefined>();
  for (const { object, previous } of changes.toReversed()) before.set(keyOf(object), previous);
  const deleted = [...before.keys()].filter((key) => !on.objects.has(key));
  const keys = deleted.length === 0 ? on.keys : [...on.keys, ...deleted].sort((left, right) => (left < right ? -1 : 1));
  return keys.flatMap((key) => (before.has(key) ? before.get(key) : on.objects.get(key)) ?? []);
};

/** An empty store whose versions begin above `start` and which replays up to `historyLimit` changes of each kind. */
export const createStore = (start: number, historyLimit: number): Store => {
  let version = start;
  const shelves = new Map<string, Shelf>();
  const shelf = (kind: string): Shelf => {
    const found = shelves.get(kind);
    if (found !== undefined) return found;
    const made: Shelf = { objects: new Map(), keys: [], listeners: new Set(), history: [], compacted: start };
    shelves.set(kind, made);
    return made;
  };
  const record = (on: Shelf, change: Change): void => {
    on.history.push(change);
    if (on.history.length > historyLimit * 1.25) {
      const forgotten = on.history.splice(0, on.history.length - historyLimit);
      on.compacted = forgotten.at(-1)?.version ?? on.compacted;
    }
    for (const listener of [...on.listeners]) listener(change);
  };
  const since = (kind: string, from: number): readonly Change[] | undefined => {
    const on = shelf(kind);
    return from < on.compacted ? undefined : on.history.filter((change) => change.version > from);
  };
  return {
    version: () => version,
    get: (kind, namespace, name) => shelf(kind).objects.get(`${namespace}/${name}`),
    list: (kind, namespace) =>
      all(shelf(kind)).filter((object) => namespace === undefined || namespaceOf(object) === namespace),
    listAt: (kind, at) => {
      const changes = since(kind, at);
      return changes && undone(shelf(kind), changes);
    },
    put: (kind, object) => {
      version += 1;
      const on = shelf(kind);
      const stored = withMetadata(object, { resourceVersion: String(version) });
      const previous = on.objects.get(keyOf(stored));
      on.objects.set(keyOf(stored), stored);
      if (previous === undefined) on.keys.splice(placeOf(on.keys, keyOf(stored)), 0, keyOf(stored));
      record(on, { type: previous === undefined ? 'ADDED' : 'MODIFIED', version, object: stored, previous });
      return stored;
    },
    remove: (kind, object) => {
      version += 1;
      const on = shelf(kind);
      const previous = on.objects.get(keyOf(object));
      if (on.objects.delete(keyOf(object))) on.keys.splice(placeOf(on.keys, keyOf(object)), 1);
      const last = withMetadata(object, { resourceVersion: String(version) });
      record(on, { type: 'DELETED', version, object: last, previous });
      return last;
    },
    since,
    listen: (kind, listener) => {
      shelf(kind).listeners.add(listener);
      return () => shelf(kind).listeners.delete(listener);
    },
  };
};

export const isStale = (object: KubeObject, version: string): boolean =>
  version !== '' && version !== '0' && version !== versionOf(object);
