import type { JsonObject } from '../json.ts';
import type { Core } from '../api/core.ts';
import { events } from '../api/kinds/event.ts';
import { type KubeObject, kubeObject, nameOf, namespaceOf, uidOf, wireTime } from '../api/kube-object.ts';
import { type Resource, storageKey } from '../api/resource.ts';
import { StatusError } from '../api/status-error.ts';
import { createDecoded } from '../api/verbs/create.ts';
import { type DeleteOptions, deleteObject } from '../api/verbs/delete.ts';
import { type Subresource, updateDecoded } from '../api/verbs/update.ts';
import { type Occurrence, eventOf } from './event-of.ts';

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
