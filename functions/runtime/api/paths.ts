import { group, imageCachePlural, version } from '#model/cache/api.ts';
import type { CacheReference, ObjectReference } from '#model/cache/cloud-event.ts';
import { isObjectName } from '#model/text/untrusted.ts';
import { ApiError } from '#runtime/errors.ts';

const within = (namespace?: string): string => (namespace === undefined ? '' : `/namespaces/${segment(namespace)}`);

/** Invalid object names are answered as 404 without a request. */
function segment(name: string): string {
  if (isObjectName(name)) return name;
  const quoted = JSON.stringify(name.slice(0, 100));
  throw new ApiError(`no object can have the name ${quoted}`, { status: 404, reason: 'NotFound' });
}

/**
 * Paths of the API. Names come from events and are validated, so that a sender can not choose the path.
 * All throw an `ApiError` 404 for an invalid name.
 */
export const paths = {
  /** In one namespace, or in all; likewise for Jobs and Pods. */
  caches: (namespace?: string): string => `/apis/${group}/${version}${within(namespace)}/${imageCachePlural}`,
  cache: ({ namespace, name }: CacheReference): string => `${paths.caches(namespace)}/${segment(name)}`,
  nodes: '/api/v1/nodes',
  node: (name: string): string => `/api/v1/nodes/${segment(name)}`,
  namespace: (name: string): string => `/api/v1/namespaces/${segment(name)}`,
  jobs: (namespace?: string): string => `/apis/batch/v1${within(namespace)}/jobs`,
  job: (namespace: string, name: string): string => `${paths.jobs(namespace)}/${segment(name)}`,
  pods: (namespace?: string): string => `/api/v1${within(namespace)}/pods`,
  pod: (namespace: string, name: string): string => `${paths.pods(namespace)}/${segment(name)}`,
  secret: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${segment(namespace)}/secrets/${segment(name)}`,
  serviceAccount: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${segment(namespace)}/serviceaccounts/${segment(name)}`,
  serviceAccounts: (namespace: string): string => `/api/v1/namespaces/${segment(namespace)}/serviceaccounts`,
  /** All objects of a namespaced kind in one namespace, or in all, by the path of its API and its plural. */
  workloads: (
    namespace: string | undefined,
    { api, plural }: { readonly api: string; readonly plural: string },
  ): string => `${api}${within(namespace)}/${plural}`,
  /** An object of any namespaced kind, by the path of its API and its plural, as in `/apis/apps/v1` and `deployments`. */
  namespaced: (api: string, plural: string, { namespace, name }: CacheReference): string =>
    `${api}${within(namespace)}/${plural}/${segment(name)}`,
  events: (namespace: string): string => `/api/v1/namespaces/${segment(namespace)}/events`,
  /** The path of a Job or a Pod. */
  object: ({ kind, namespace, name }: ObjectReference): string =>
    kind === 'Job' ? paths.job(namespace, name) : paths.pod(namespace, name),
} as const;

/** Namespaces that a process is limited to; empty: all. */
export type Namespaces = readonly string[];

export const isWithin = (namespaces: Namespaces, namespace: string): boolean =>
  namespaces.length === 0 || namespaces.includes(namespace);

/** Namespaces of our Jobs and Pods: those of the caches, and for removal Jobs that of the installation. */
export const withInstallation = (namespaces: Namespaces, installation: string): Namespaces =>
  namespaces.length === 0 ? [] : [...new Set([...namespaces, installation])];

/** The paths to list a collection: one for all namespaces, or one per namespace, which needs no cluster-wide permission. */
export const pathsWithin = (namespaces: Namespaces, path: (namespace?: string) => string): readonly string[] =>
  namespaces.length === 0 ? [path()] : namespaces.map((namespace) => path(namespace));
