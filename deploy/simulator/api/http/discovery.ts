import type { JsonObject } from '../../json.ts';
import type { Registry } from '../core.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { type Answer, json } from './request.ts';
import { createHash } from 'node:crypto';

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const;
const readVerbs = ['get', 'list', 'watch'] as const;

const verbsOf = (resource: Resource): readonly string[] => (resource.readOnly === undefined ? verbs : readVerbs);

const entries = (resource: Resource): readonly JsonObject[] => {
  const { plural, singular, namespaced, kind, shortNames, categories } = resource;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: verbsOf(resource),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    storageVersionHash: Buffer.from(`${resource.group}/${plural}`).toString('base64').slice(0, 11) + '=',
  };
  const status = { name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] };
  return resource.hasStatus && resource.readOnly === undefined ? [main, status] : [main];
};

const resourceList = (served: readonly Resource[], version: string): JsonObject => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: version,
  resources: served.flatMap(entries),
});

const groupOf = (name: string, versions: readonly string[]): JsonObject => {
  const served = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: served, preferredVersion: served[0] };
};

const groups = (registry: Registry): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, readonly string[]>();
  for (const { group, version } of registry.all())
    if (group !== '') found.set(group, [...new Set([...(found.get(group) ?? []), version])]);
  return found;
};

/** The API's table of contents; undefined for a path that is none of it. */
export const discovery = (registry: Registry, path: string): Answer | undefined => {
  const parts = path.split('/').filter((part) => part !== '');
  const [root, ...rest] = parts;
  if (root === 'api' && rest.length === 0)
    return json({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
  if (root === 'apis' && rest.length === 0) {
    const all = [...groups(registry)].map(([name, versions]) => groupOf(name, versions));
    return json({ kind: 'APIGroupList', apiVersion: 'v1', groups: all });
  }
  const [name, version] = root === 'api' ? ['', ...rest] : rest;
  if (name === undefined || parts.length > (root === 'api' ? 2 : 3)) return undefined;
  if (version === undefined) {
    const versions = groups(registry).get(name);
    return versions && json({ kind: 'APIGroup', apiVersion: 'v1', ...groupOf(name, versions) });
  }
  const served = registry.all().filter((one) => one.group === name && one.version === version);
  const [first] = served;
  return first && json(resourceList(served, groupVersion(first)));
};

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
