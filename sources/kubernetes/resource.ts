import { apiVersion, imageCacheKind, imageCachePlural, managerSelector } from '#model/cache/api.ts';
import type { ObjectReference } from '#model/cache/cloud-event.ts';
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

/** Path of the collection with a query; undefined parameters are omitted. */
export function collectionPath(
  resource: Resource<unknown>,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const { apiVersion, plural, labelSelector, namespace } = resource;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ labelSelector, ...parameters }))
    if (value !== undefined) query.set(name, value);
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${apiVersion.includes('/') ? '/apis' : '/api'}/${apiVersion}${within}/${plural}?${query.toString()}`;
}
