import { createHash } from 'node:crypto';
import type { JsonObject } from '../../json.ts';
import type { Registry } from '../registry.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { type Answer, json } from './answer.ts';

const root = (resource: Resource): string =>
  resource.group === '' ? `api/${resource.version}` : `apis/${groupVersion(resource)}`;

const schemaName = ({ group, version, kind }: Resource): string => {
  const domain =
    group === ''
      ? 'io.k8s.api.core'
      : group.includes('.')
        ? group.split('.').reverse().join('.')
        : `io.k8s.api.${group}`;
  return `${domain}.${version}.${kind}`;
};

const gvk = ({ group, version, kind }: Resource): JsonObject => ({ group, version, kind });

/** Only what kubectl looks up: which parameters a patch may have. */
const paths = (resource: Resource): JsonObject => ({
  [`/${root(resource)}/${resource.namespaced ? 'namespaces/{namespace}/' : ''}${resource.plural}/{name}`]: {
    patch: {
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': gvk(resource),
      parameters: ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({ name, in: 'query' })),
    },
  },
});

const document = (served: readonly Resource[]): JsonObject => ({
  openapi: '3.0.0',
  info: { title: 'Kubernetes', version: 'simulator' },
  paths: Object.assign({}, ...served.map(paths)) satisfies JsonObject,
  components: {
    schemas: Object.fromEntries(
      served.map((resource) => [
        schemaName(resource),
        { ...resource.schema, 'x-kubernetes-group-version-kind': [gvk(resource)] },
      ]),
    ),
  },
});

const byRoot = (registry: Registry): ReadonlyMap<string, readonly Resource[]> => Map.groupBy(registry.all(), root);

const index = (registry: Registry): JsonObject => ({
  paths: Object.fromEntries(
    [...byRoot(registry)].map(([at, served]) => {
      const hash = createHash('sha256')
        .update(JSON.stringify(document(served)))
        .digest('hex')
        .slice(0, 32);
      return [at, { serverRelativeURL: `/openapi/v3/${at}?hash=${hash}` }];
    }),
  ),
});

/** OpenAPI v3, which kubectl explain, apply and validation read; undefined for other paths. */
export const openApi = (registry: Registry, path: string): Answer | undefined => {
  if (path === '/openapi/v3') return json(index(registry));
  const served = path.startsWith('/openapi/v3/') ? byRoot(registry).get(path.slice('/openapi/v3/'.length)) : undefined;
  return served && json(document(served));
};
