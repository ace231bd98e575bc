import { apiVersion, jobAnnotations, labels, managerLabelValue } from '#model/cache/api.ts';
import type { Json } from '../../sources/kubernetes/json.ts';

/** Objects as the API server sends them, without the fields that tests do not need. */

const prefixes = {
  imagecaches: `/apis/${apiVersion}`,
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
  nodes: '/api/v1',
  leases: '/apis/coordination.k8s.io/v1',
} as const;

/** The path of an object, whose key is `namespace/name`, or `/name` for a Node. */
export function pathOf(plural: keyof typeof prefixes, key: string): string {
  const [namespace = '', name = ''] = key.split('/');
  return `${prefixes[plural]}${namespace === '' ? '' : `/namespaces/${namespace}`}/${plural}/${name}`;
}

type Meta = { readonly name?: string; readonly namespace?: string; readonly [field: string]: unknown };

export const imageCache = ({ name = 'web', namespace = 'apps', ...metadata }: Meta = {}, rest: Json = {}): Json => ({
  apiVersion,
  kind: 'ImageCache',
  metadata: { name, namespace, generation: 1, ...metadata },
  spec: { cacheSpec: [{ images: ['app:1'] }] },
  ...rest,
});

const managed = (cache: string): Json => ({
  labels: { [labels.manager]: managerLabelValue },
  annotations: { [jobAnnotations.cache]: cache },
});

export const job = ({ name = 'web-1', namespace = 'apps', ...metadata }: Meta = {}, status: Json = {}): Json => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace, ...managed('apps/web'), ...metadata },
  status,
});

export const pod = ({ name = 'web-1-x', namespace = 'apps', ...metadata }: Meta = {}, status: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace,
    ...managed('apps/web'),
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'web-1', controller: true }],
    ...metadata,
  },
  status,
});

export const node = ({ name = 'node-1', ...metadata }: Meta = {}, rest: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { pool: 'web' }, ...metadata },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
  ...rest,
});

export const condition = (type: string, status = 'True'): Json => ({ conditions: [{ type, status }] });

/** A Pod's status with one terminated container. */
export const terminated = (name = 'image-0'): Json => ({
  containerStatuses: [{ name, state: { terminated: { exitCode: 0 } } }],
});
