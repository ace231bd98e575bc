import { describe, expect, it } from 'vitest';
import type { NodeMatchExpression } from '#model/cache/spec-schema.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImages, pullPolicyOf } from '#model/desired/desired-images.ts';
import { isProvenPresent } from '#model/desired/presence.ts';
import { cache, digest, list, node, settings, spec } from '../builders.ts';

type Row = { readonly when: string; readonly key?: string } & Omit<NodeMatchExpression, 'key' | 'values'> & {
    readonly values?: readonly string[];
    readonly selects: boolean;
  };

const rows: readonly Row[] = [
  { when: 'In with the value', operator: 'In', values: ['a', 'web'], selects: true },
  { when: 'In without it', operator: 'In', values: ['a'], selects: false },
  { when: 'In of a missing label', key: 'none', operator: 'In', values: ['web'], selects: false },
  { when: 'NotIn with the value', operator: 'NotIn', values: ['web'], selects: false },
  { when: 'NotIn without it', operator: 'NotIn', values: ['a'], selects: true },
  { when: 'NotIn of a missing label', key: 'none', operator: 'NotIn', values: ['web'], selects: true },
  { when: 'Exists', operator: 'Exists', selects: true },
  { when: 'Exists of an empty label', key: 'empty', operator: 'Exists', selects: true },
  { when: 'Exists of a missing label', key: 'none', operator: 'Exists', selects: false },
  { when: 'DoesNotExist', operator: 'DoesNotExist', selects: false },
  { when: 'DoesNotExist of a missing label', key: 'none', operator: 'DoesNotExist', selects: true },
  { when: 'Gt of a greater number', key: 'cpus', operator: 'Gt', values: ['7'], selects: true },
  { when: 'Gt of the same number', key: 'cpus', operator: 'Gt', values: ['8'], selects: false },
  { when: 'Lt of a smaller number', key: 'cpus', operator: 'Lt', values: ['10'], selects: true },
  { when: 'Lt below zero', key: 'cpus', operator: 'Lt', values: ['-1'], selects: false },
  { when: 'Gt of a word', operator: 'Gt', values: ['1'], selects: false },
  { when: 'Gt than a word', key: 'cpus', operator: 'Gt', values: ['x'], selects: false },
  { when: 'Gt than nothing', key: 'cpus', operator: 'Gt', selects: false },
  { when: 'Lt of a missing label', key: 'none', operator: 'Lt', values: ['1'], selects: false },
];

const target = node({ labels: { pool: 'web', cpus: '8', empty: '' } });
const desiredWith = (fields: Parameters<typeof spec>[0], given: Partial<Settings> = {}) =>
  desiredImages(cache({ spec: spec(fields) }), target, settings(given));

describe('a list selects a node by', () => {
  it.each(rows)('$when: $selects', ({ key = 'pool', operator, values = [], selects }) => {
    const lists = [list(['a:1'], { nodeMatchExpressions: [{ key, operator, values }] })];
    expect(desiredWith({ lists }) !== undefined).toBe(selects);
  });

  it('all labels of its nodeSelector', () => {
    expect(desiredWith({ lists: [list(['a:1'], { nodeSelector: { pool: 'web', cpus: '8' } })] })).toBeDefined();
    expect(desiredWith({ lists: [list(['a:1'], { nodeSelector: { pool: 'web', cpus: '9' } })] })).toBeUndefined();
  });

  it('its nodeSelector and its expressions together', () => {
    const nodeMatchExpressions = [{ key: 'cpus', operator: 'Gt', values: ['8'] }] as const;
    expect(
      desiredWith({ lists: [list(['a:1'], { nodeSelector: { pool: 'web' }, nodeMatchExpressions })] }),
    ).toBeUndefined();
  });
});

describe('desired images', () => {
  it('are undefined if no list selects the node', () => {
    expect(desiredWith({ lists: [] })).toBeUndefined();
    expect(desiredWith({ lists: [list(['a:1'], { nodeSelector: { pool: 'db' } })] })).toBeUndefined();
  });

  it('are the sorted images of all lists that select the node, each once', () => {
    const lists = [
      list(['zoo:1', 'nginx']),
      list(['skipped:1'], { nodeSelector: { pool: 'db' } }),
      list(['docker.io/library/nginx:latest', 'app:1']),
    ];
    expect(desiredWith({ lists })).toMatchObject({ lists: [0, 2], images: ['app:1', 'nginx', 'zoo:1'] });
  });

  it('have the same hash for any order of lists and secrets', () => {
    const hash = (images: readonly string[], imagePullSecrets: readonly string[]) =>
      desiredWith({ lists: images.map((image) => list([image])), imagePullSecrets })?.hash;
    expect(hash(['a:1', 'b:1'], ['s', 't'])).toBe(hash(['b:1', 'a:1'], ['t', 's']));
  });

  it.each([
    ['another image', { lists: [list(['a:2'])] }, {}],
    ['another secret', { imagePullSecrets: ['s'] }, {}],
    ['another policy', { imagePullPolicy: 'Always' as const }, {}],
    ['another policy of the operator', {}, { imagePullPolicy: 'Always' as const }],
  ])('have another hash with %s', (_, fields, given) => {
    const lists = [list(['a:1'])];
    expect(desiredWith({ lists, ...fields }, given)?.hash).not.toBe(desiredWith({ lists })?.hash);
  });
});

describe('pull policy', () => {
  it.each([
    ['a:1', undefined, 'IfNotPresent', 'IfNotPresent'],
    ['a', undefined, 'IfNotPresent', 'Always'],
    ['a:latest', 'IfNotPresent', 'IfNotPresent', 'Always'],
    [`a@${digest}`, undefined, 'IfNotPresent', 'IfNotPresent'],
    ['a:1', 'Always', 'IfNotPresent', 'Always'],
    ['a:1', 'IfNotPresent', 'Always', 'IfNotPresent'],
    ['a:1', undefined, 'Always', 'Always'],
  ] as const)('of %s is with %s in the cache and %s in the settings: %s', (image, imagePullPolicy, setting, policy) => {
    const given = settings({ imagePullPolicy: setting });
    expect(pullPolicyOf(image, cache({ spec: spec({ imagePullPolicy }) }), given)).toBe(policy);
  });

  it("IfNotPresent proves an image present by the node's image list, Always does not", () => {
    const withImages = node({ images: new Set(['docker.io/library/a:1', `docker.io/library/b@${digest}`]) });
    expect(isProvenPresent('a:1', withImages, 'IfNotPresent')).toBe(true);
    expect(isProvenPresent('a:1', withImages, 'Always')).toBe(false);
    expect(isProvenPresent('a:12', withImages, 'IfNotPresent')).toBe(false);
    expect(isProvenPresent(`b:7@${digest}`, withImages, 'IfNotPresent')).toBe(true);
  });
});
