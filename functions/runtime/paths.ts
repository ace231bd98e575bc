import { group, imageCachePlural, version } from '#model/api.ts';
import type { CacheReference, ObjectReference } from '#model/cloud-event.ts';

const within = (namespace?: string): string =>
  namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;

/** Paths of the API. Every name is encoded: names come from events, and whoever can post one must not choose the path. */
export const paths = {
  /** Of one namespace, or of all; so with Jobs and Pods. */
  caches: (namespace?: string): string => `/apis/${group}/${version}${within(namespace)}/${imageCachePlural}`,
  cache: ({ namespace, name }: CacheReference): string => `${paths.caches(namespace)}/${encodeURIComponent(name)}`,
  nodes: '/api/v1/nodes',
  node: (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`,
  namespace: (name: string): string => `/api/v1/namespaces/${encodeURIComponent(name)}`,
  jobs: (namespace?: string): string => `/apis/batch/v1${within(namespace)}/jobs`,
  job: (namespace: string, name: string): string => `${paths.jobs(namespace)}/${encodeURIComponent(name)}`,
  pods: (namespace?: string): string => `/api/v1${within(namespace)}/pods`,
  pod: (namespace: string, name: string): string => `${paths.pods(namespace)}/${encodeURIComponent(name)}`,
  secret: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`,
  events: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
  /** A Job or a Pod; undefined for any other kind. */
  object: ({ kind, namespace, name }: ObjectReference): string | undefined => {
    if (kind === 'Job') return paths.job(namespace, name);
    return kind === 'Pod' ? paths.pod(namespace, name) : undefined;
  },
} as const;
