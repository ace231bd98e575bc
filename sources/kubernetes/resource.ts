import { apiVersion, imageCacheKind, imageCachePlural, managerSelector } from '#model/cache/api.ts';
import type { CacheReference, ObjectReference, Verb } from '#model/cache/cloud-event.ts';
import type { ObservedChange } from '../queue/pending-changes.ts';
import { projectCache, projectJob, projectNode, projectPod } from './significance.ts';
import { textAt } from './json.ts';

/** A watched kind of object, in one namespace or the whole cluster, and its projection. */
export type Resource<P> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly labelSelector: string | undefined;
  /** Default all. */
  readonly namespace?: string;
  /** Whether users decide how large its objects are: pages then have a limit in bytes, too. */
  readonly isOfUsers?: true;
  /** Returns all that is kept in memory of an object; as small as possible. */
  readonly project: (object: unknown) => P;
};

export const imageCaches = {
  apiVersion,
  kind: imageCacheKind,
  plural: imageCachePlural,
  labelSelector: undefined,
  project: projectCache,
} as const;
export const jobs = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  plural: 'jobs',
  labelSelector: managerSelector,
  project: projectJob,
} as const;
export const pods = {
  apiVersion: 'v1',
  kind: 'Pod',
  plural: 'pods',
  labelSelector: managerSelector,
  project: projectPod,
} as const;
export const nodes = {
  apiVersion: 'v1',
  kind: 'Node',
  plural: 'nodes',
  labelSelector: undefined,
  project: projectNode,
} as const;

/** What is kept of one object. `resourceVersion` is opaque and only compared for equality. */
export type Entry<P> = { readonly uid: string; readonly resourceVersion: string; readonly projection: P };

/** An entry under its key, "namespace/name" with an empty namespace for cluster-scoped objects. */
export function entryOf<P>(resource: Resource<P>, object: unknown): readonly [key: string, entry: Entry<P>] {
  const namespace = textAt(object, 'metadata', 'namespace') ?? '';
  const name = textAt(object, 'metadata', 'name') ?? '';
  const uid = textAt(object, 'metadata', 'uid') ?? '';
  const resourceVersion = textAt(object, 'metadata', 'resourceVersion') ?? '';
  return [`${namespace}/${name}`, { uid, resourceVersion, projection: resource.project(object) }];
}

export function referenceOf(resource: Resource<unknown>, key: string): ObjectReference {
  const slash = key.indexOf('/');
  const { apiVersion, kind } = resource;
  return { apiVersion, kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Path of the collection. */
export function collectionPath({ apiVersion, plural, namespace }: Resource<unknown>): string {
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${apiVersion.includes('/') ? '/apis' : '/api'}/${apiVersion}${within}/${plural}`;
}

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

/** The change as an event reports it. */
export const observed = ({ verb, reference, uid, resourceVersion }: Change<unknown>): ObservedChange => ({
  verb,
  object: reference,
  uid,
  resourceVersion,
});

/** The key of an object or a cache, "namespace/name". */
export const keyOf = ({ namespace, name }: CacheReference): string => `${namespace}/${name}`;

/** The cache with a key. */
export function cacheOf(key: string): CacheReference {
  const { namespace, name } = referenceOf(imageCaches, key);
  return { namespace, name };
}
