import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../json.ts';
import type { Core } from '../api/core.ts';
import { events } from '../api/kinds/event.ts';
import { type KubeObject, kubeObject, nameOf, namespaceOf, uidOf, versionOf, wireTime } from '../api/kube-object.ts';
import { type Resource, storageKey } from '../api/resource.ts';
import { StatusError } from '../api/status-error.ts';
import { createDecoded } from '../api/verbs/create.ts';
import { type DeleteOptions, deleteObject } from '../api/verbs/delete.ts';
import { type Subresource, updateDecoded } from '../api/verbs/update.ts';

/** What the controllers do to objects: the API's own verbs, without the wire. */
export type Acts = {
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
  readonly tell: (event: Told) => void;
};

export type Told = {
  readonly about: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly component: string;
  readonly host?: string;
  readonly fieldPath?: string;
};

const sameEvent = (event: KubeObject, { about, reason, message, type, fieldPath = '' }: Told): boolean => {
  const involved = event['involvedObject'];
  return (
    event['reason'] === reason &&
    event['message'] === message &&
    event['type'] === type &&
    JSON.stringify(involved) === JSON.stringify(involvedIn(about, fieldPath))
  );
};

const involvedIn = (about: KubeObject, fieldPath: string): JsonObject => ({
  kind: about.kind,
  ...(namespaceOf(about) === '' ? {} : { namespace: namespaceOf(about) }),
  name: nameOf(about),
  uid: about.kind === 'Node' ? nameOf(about) : uidOf(about),
  apiVersion: about.apiVersion,
  ...(fieldPath === '' ? {} : { fieldPath }),
});

const isRefused = (error: unknown): boolean =>
  error instanceof StatusError && (error.code === 404 || error.code === 403);

/** The acts on a cluster's objects. */
export const actsOn = (core: Core, by: string): Acts => {
  const find = (resource: Resource, namespace: string, name: string): KubeObject | undefined =>
    core.store.get(storageKey(resource), namespace, name);
  const live = (resource: Resource, object: KubeObject): KubeObject | undefined => {
    const current = find(resource, namespaceOf(object), nameOf(object));
    return current !== undefined && uidOf(current) === uidOf(object) ? current : undefined;
  };
  const update: Acts['update'] = (resource, object, change, subresource = '') => {
    const old = live(resource, object);
    return old && updateDecoded(core, resource, { old, body: kubeObject(change(old)), subresource, manager: by });
  };
  const create: Acts['create'] = (resource, namespace, body) =>
    createDecoded(core, resource, namespace, { object: kubeObject(body), manager: by });
  const newEvent = (told: Told, namespace: string): JsonObject => {
    const time = wireTime(core.clock.now());
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${nameOf(told.about)}.${randomUUID().replaceAll('-', '').slice(0, 16)}`, namespace },
      involvedObject: { ...involvedIn(told.about, told.fieldPath ?? ''), resourceVersion: versionOf(told.about) },
      reason: told.reason,
      message: told.message,
      type: told.type,
      source: { component: told.component, ...(told.host === undefined ? {} : { host: told.host }) },
      reportingComponent: told.component,
      reportingInstance: told.host ?? '',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
  };
  const tell = (told: Told): void => {
    const namespace = namespaceOf(told.about) || 'default';
    const known = core.store
      .list(storageKey(events), namespace)
      .find((event) => sameEvent(withoutVersion(event), told));
    try {
      if (known === undefined) create(events, namespace, newEvent(told, namespace));
      else
        update(events, known, (event) => ({
          ...event,
          count: Number(event['count'] ?? 1) + 1,
          lastTimestamp: wireTime(core.clock.now()),
        }));
    } catch (error) {
      // A namespace that is going takes no more events.
      if (!isRefused(error)) throw error;
    }
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
    tell,
  };
};

const withoutVersion = (event: KubeObject): KubeObject => {
  const involved = event['involvedObject'];
  if (typeof involved !== 'object' || involved === null) return event;
  return {
    ...event,
    involvedObject: Object.fromEntries(Object.entries(involved).filter(([field]) => field !== 'resourceVersion')),
  };
};
