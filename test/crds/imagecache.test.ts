import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { crdName, group, imageCacheKind, imageCachePlural, version } from '#model/cache/api.ts';
import { customResource, schemasByPath } from './custom-resource.ts';
import { badReferences, goodReferences } from './image-references.ts';

const { metadata, spec } = customResource;
const [served] = spec.versions;
const schemas = schemasByPath(served.schema.openAPIV3Schema);
const byPath = new Map(schemas);
const inStatus = schemas.filter(([path]) => path.startsWith('.status'));

const schemaAt = (path: string) => {
  const schema = byPath.get(path);
  if (schema === undefined) throw new Error(`the schema has no ${path}`);
  return schema;
};

const childrenOf = (path: string): string[] => Object.keys(schemaAt(path).properties ?? {});

describe('the ImageCache resource', () => {
  it('has the names that the functions use', () => {
    expect(metadata.name).toBe(crdName);
    expect(spec.group).toBe(group);
    expect(spec.names).toMatchObject({ kind: imageCacheKind, plural: imageCachePlural, shortNames: ['ic'] });
    expect(served).toMatchObject({ name: version, served: true, storage: true });
  });

  it('is namespaced, has a status subresource, and no label by which kube-fledged is removed', () => {
    expect(spec.scope).toBe('Namespaced');
    expect(served.subresources).toEqual({ status: {} });
    expect(metadata.labels).toEqual({ kubefledged: 'kubefledged-controller' });
  });

  it('uses no feature that is newer than Kubernetes 1.30', () => {
    expect(served).not.toHaveProperty('selectableFields');
    expect(JSON.stringify(served.schema)).not.toMatch(/distinct\(\)|transformMap|optionalOldSelf|format\.|isSorted/);
  });

  it('has printer columns', () => {
    expect(served.additionalPrinterColumns.map(({ name, jsonPath, priority }) => [name, jsonPath, priority])).toEqual([
      ['Status', '.status.status', 0],
      ['Nodes', '.status.nodesReady', 0],
      ['Failing', '.status.nodeCounts.failing', 0],
      ['Failed', '.status.nodeCounts.failed', 0],
      ['Skipped', '.status.nodeCounts.skipped', 0],
      ['Reason', '.status.reason', 0],
      ['Suspend', '.spec.suspend', 0],
      ['Age', '.metadata.creationTimestamp', 0],
      ['Message', '.status.message', 1],
      ['Refreshed', '.status.lastRefreshTime', 1],
    ]);
  });
});

describe('its schema', () => {
  it('describes every field in sentences that begin with its name, as the Kubernetes API does', () => {
    const undescribed = schemas.filter(([path, { description = '' }]) => {
      const name = /\.(\w+)$/.exec(path)?.[1];
      const start =
        name === undefined
          ? /^(The|A|An|ImageCache) /
          : new RegExp(
              `^${name} (is|are|specifies|selects|represents|indicates|stops|keeps|identifies|names|contains) `,
            );
      return path !== '.metadata' && !(start.test(description) && description.endsWith('.'));
    });
    expect(undescribed.map(([path]) => path)).toEqual([]);
  });

  it('has every field of the spec', () => {
    expect(childrenOf('.spec').toSorted()).toEqual(
      [
        'cacheSpec',
        'imagePullSecrets',
        'suspend',
        'imagePullPolicy',
        'pullDeadlineSeconds',
        'refresh',
        'maxConcurrentNodes',
        'rollout',
        'pullsPerNode',
        'tolerations',
        'unschedulable',
        'podMetadata',
        'priorityClassName',
        'serviceAccountName',
        'jobRetentionPolicy',
        'keepSeconds',
        'deletionPolicy',
        'warmGate',
      ].toSorted(),
    );
    expect(childrenOf('.spec.cacheSpec[]')).toEqual(['images', 'imagesFrom', 'nodeSelector', 'nodeMatchExpressions']);
  });

  it('has no field in the spec that has no effect', () => {
    const idle = schemas.filter(([, { description = '' }]) => / not acted on yet| Not acted on yet/.test(description));
    expect(idle.map(([path]) => path).filter((path) => path.startsWith('.spec'))).toEqual([]);
  });

  it('requires no more fields than kube-fledged does', () => {
    const requiring = schemas.filter(([, schema]) => 'required' in schema);
    expect(requiring.map(([path, schema]) => [path, schema['required']])).toEqual([
      ['', ['spec']],
      ['.spec', ['cacheSpec']],
      ['.spec.cacheSpec[].imagesFrom', ['kinds']],
      ['.spec.cacheSpec[].imagesFrom.selector.matchExpressions[]', ['key', 'operator']],
      ['.spec.cacheSpec[].nodeMatchExpressions[]', ['key', 'operator']],
      ['.spec.warmGate', ['taintKey']],
      ['.status.conditions[]', ['type', 'status']],
    ]);
  });

  it('sets no defaults, so that the stored spec is the applied one', () => {
    expect(schemas.filter(([, schema]) => 'default' in schema)).toEqual([]);
  });
});

describe('its status', () => {
  it.each(['maxItems', 'maxLength', 'maxProperties', 'maximum', 'minimum', 'pattern', 'x-kubernetes-validations'])(
    'is never rejected for %s',
    (limit) => {
      expect(inStatus.filter(([, schema]) => limit in schema).map(([path]) => path)).toEqual([]);
    },
  );

  it('has atomic maps, so that managedFields stays small', () => {
    const maps = inStatus.filter(([, schema]) => 'additionalProperties' in schema);
    expect(maps.map(([path]) => path)).toEqual([
      '.status.failures',
      '.status.nodes',
      '.status.desired',
      '.status.imagesFrom.lists[].placement.nodeSelector',
      '.status.placements[].nodeSelector',
      '.status.removals',
      '.status.toRemove',
      '.status.registries',
    ]);
    expect(maps.filter(([, schema]) => schema['x-kubernetes-map-type'] !== 'atomic')).toEqual([]);
  });

  it('lists the states of a node', () => {
    expect(schemaAt('.status.nodes.*.state').enum).toEqual([
      'Pending',
      'Pulling',
      'Ready',
      'Failed',
      'Skipped',
      'Held',
    ]);
  });

  it('merges conditions by type', () => {
    expect(schemaAt('.status.conditions')).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    });
  });
});

describe('its pattern of an image reference', () => {
  const pattern = RE2JS.compile(schemaAt('.spec.cacheSpec[].images[]').pattern ?? '');

  it.each(goodReferences)('accepts %j', (reference) => {
    expect(pattern.matcher(reference).find()).toBe(true);
  });

  it.each(badReferences)('rejects %j', (reference) => {
    expect(pattern.matcher(reference).find()).toBe(false);
  });
});
