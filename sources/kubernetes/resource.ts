import { apiVersion, imageCacheKind, imageCachePlural, managerSelector } from '#model/cache/api.ts';
import type { ObjectReference } from '#model/cache/cloud-event.ts';
import { projectCache, projectJob, projectNode, projectPod } from './significance.ts';
import { textAt } from './json.ts';

/** A kind of object that is watched, in one namespace or in the whole cluster, and what is kept of each. */
export type Resource<P> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly labelSelector: string | undefined;
  /** Default all. */
  readonly namespace?: string;
  /** Keeps as little as possible: it is all that stays in memory of an object. */
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

/** What is kept of one object. `resourceVersion` is opaque: it is only ever compared for equality. */
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

/** Path of the whole collection with a query; parameters that are undefined are left out. */
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
