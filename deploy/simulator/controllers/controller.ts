import type { Core } from '../api/core.ts';
import { type KubeObject, nameOf, namespaceOf, kubeObject, uidOf, wireTime } from '../api/kube-object.ts';
import { type Resource, storageKey } from '../api/resource.ts';
import type { Change } from '../api/store.ts';
import type { Timings, Clock } from '../timings.ts';
import type { Program } from './image-store.ts';
import type { JsonObject } from '../json.ts';
import { events } from '../api/kinds/event.ts';
import { StatusError } from '../api/status-error.ts';
import { createDecoded } from '../api/verbs/create.ts';
import { type DeleteOptions, deleteObject } from '../api/verbs/delete.ts';
import { type Subresource, updateDecoded } from '../api/verbs/update.ts';
import { type Occurrence, eventOf } from './pod-events.ts';

/** What a controller works with. */
export type World = {
  readonly core: Core;
  readonly operations: ObjectOperations;
  readonly timings: Timings;
  readonly program: Program | undefined;
  /** Reports the failures of a controller. */
  readonly failed: (what: string, error: unknown) => void;
};

/** Starts a controller; the answer stops it. */
export type Controller = (world: World) => () => void;

export const keyOf = (object: KubeObject): string => `${namespaceOf(object)}/${nameOf(object)}`;

export const splitKey = (key: string): readonly [string, string] => {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
};

/** Calls back for every object and for every later change. */
export const subscribe = (
  core: Core,
  resource: Resource,
  heard: (object: KubeObject, change: Change | undefined) => void,
): (() => void) => {
  for (const object of core.store.list(storageKey(resource))) heard(object, undefined);
  return core.store.listen(storageKey(resource), (change) => heard(change.object, change));
};

/** A work queue of keys, each at most once at a time; a key that failed is retried with backoff. */
export type Queue = {
  readonly add: (key: string, afterMs?: number) => void;
  readonly stop: () => void;
};

type Waiting = { readonly due: number; readonly cancel: () => void };

/** Runs `look` for every key added, never from within `add`, so that changes keep their order. */
export const createQueue = (
  clock: Clock,
  look: (key: string) => void,
  failed: (key: string, error: unknown) => void,
): Queue => {
  const waiting = new Map<string, Waiting>();
  const failures = new Map<string, number>();
  const run = (key: string): void => {
    waiting.delete(key);
    try {
      look(key);
      failures.delete(key);
    } catch (error) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      failed(key, error);
      add(key, Math.min(60_000, 500 * 2 ** count));
    }
  };
  const add = (key: string, afterMs = 0): void => {
    const due = clock.now() + afterMs;
    const known = waiting.get(key);
    if (known !== undefined && known.due <= due) return;
    known?.cancel();
    waiting.set(key, { due, cancel: clock.after(afterMs, () => run(key)) });
  };
  return {
    add,
    stop: () => {
      for (const { cancel } of waiting.values()) cancel();
      waiting.clear();
    },
  };
};

/** The objects of a kind by what is read from each, such as the node of a Pod: looked up without listing all. */
export type ObjectIndex = {
  readonly of: (value: string) => readonly KubeObject[];
  readonly stop: () => void;
};

/** Indexes a kind by the values that `valuesOf` reads from each object, and follows every change. */
export const objectIndex = (
  core: Core,
  resource: Resource,
  valuesOf: (object: KubeObject) => readonly string[],
): ObjectIndex => {
  const byValue = new Map<string, Map<string, KubeObject>>();
  const forget = (object: KubeObject): void => {
    for (const value of valuesOf(object)) {
      const some = byValue.get(value);
      some?.delete(keyOf(object));
      if (some?.size === 0) byValue.delete(value);
    }
  };
  const add = (object: KubeObject): void => {
    for (const value of valuesOf(object)) {
      const some = byValue.get(value) ?? new Map<string, KubeObject>();
      byValue.set(value, some.set(keyOf(object), object));
    }
  };
  return {
    of: (value) => [...(byValue.get(value)?.values() ?? [])],
    stop: subscribe(core, resource, (object, change) => {
      if (change?.previous !== undefined) forget(change.previous);
      if (change?.type !== 'DELETED') add(object);
    }),
  };
};

/** What the controllers do to objects: the API's own verbs, without the wire. */
export type ObjectOperations = {
  readonly find: (resource: Resource, namespace: string, name: string) => KubeObject | undefined;
  readonly list: (resource: Resource, namespace?: string) => readonly KubeObject[];
  readonly create: (resource: Resource, namespace: string, body: JsonObject) => KubeObject;
  /** Changes the object as it is now; nothing where it is gone or has become another one. */
  readonly update: (
    resource: Resource,
    object: KubeObject,
    change: (current: KubeObject) => JsonObject,
    subresource?: Subresource,
  ) => KubeObject | undefined;
  readonly remove: (resource: Resource, object: KubeObject, options?: DeleteOptions) => void;
  readonly recordEvent: (occurrence: Occurrence) => void;
};

const isRefused = (error: unknown): boolean =>
  error instanceof StatusError && (error.code === 404 || error.code === 403);

/** The operations on a cluster's objects. */
export const objectOperations = (
  core: Core,
  by: string,
  { recordsEvents = true }: { readonly recordsEvents?: boolean | undefined } = {},
): ObjectOperations => {
  const find: ObjectOperations['find'] = (resource, namespace, name) =>
    core.store.get(storageKey(resource), namespace, name);
  const live = (resource: Resource, object: KubeObject): KubeObject | undefined => {
    const current = find(resource, namespaceOf(object), nameOf(object));
    return current !== undefined && uidOf(current) === uidOf(object) ? current : undefined;
  };
  const update: ObjectOperations['update'] = (resource, object, change, subresource = '') => {
    const old = live(resource, object);
    return old && updateDecoded(core, resource, { old, body: kubeObject(change(old)), subresource, manager: by });
  };
  const create: ObjectOperations['create'] = (resource, namespace, body) =>
    createDecoded(core, resource, namespace, { object: kubeObject(body), manager: by });
  const record = (occurrence: Occurrence): void => {
    const time = wireTime(core.clock.now());
    const event = eventOf(occurrence, time);
    const known = find(events, namespaceOf(event), nameOf(event));
    if (known === undefined) create(events, namespaceOf(event), event);
    else update(events, known, (one) => ({ ...one, count: Number(one['count'] ?? 1) + 1, lastTimestamp: time }));
  };
  return {
    find,
    list: (resource, namespace) => core.store.list(storageKey(resource), namespace),
    create,
    update,
    remove: (resource, object, options = {}) => {
      if (live(resource, object) !== undefined)
        deleteObject(core, resource, { ...options, namespace: namespaceOf(object), name: nameOf(object) });
    },
    recordEvent: (occurrence) => {
      if (!recordsEvents) return;
      try {
        record(occurrence);
      } catch (error) {
        // A namespace that is going takes no more events.
        if (!isRefused(error)) throw error;
      }
    },
  };
};
