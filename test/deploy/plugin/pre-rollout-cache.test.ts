import { describe, expect, it } from 'vitest';
import { parseWorkload, workloadKind } from '#model/workload/workload.ts';
import { cacheNameOf, preRolloutCache } from '../../../deploy/plugin/wait/pre-rollout-cache.ts';
import { node } from '../../functions/model/builders.ts';

const kind = workloadKind('deployment');
const workload = (spec: object) => {
  if (kind === undefined) throw new Error('no such kind');
  const template = { spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec } };
  return parseWorkload({ metadata: { name: 'web' }, spec: { template } }, kind, 'shop');
};
const credentials = { serviceAccount: 'default', pullSecrets: [] };
const nodes = [node({ name: 'a', labels: { 'kubernetes.io/hostname': 'host-a' } })];
const specOf = (spec: object) => preRolloutCache(workload(spec), { credentials, kept: [], nodes });
const required = (...nodeSelectorTerms: readonly object[]) => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const ssd = { key: 'disk', operator: 'In', values: ['ssd'] };
const big = { key: 'memory', operator: 'Gt', values: ['64'] };

describe('the cache of a workload before its rollout', () => {
  it.each([
    ['every node by default', {}, [{ nodeSelector: {} }]],
    ['the node selector', { nodeSelector: { pool: 'web' } }, [{ nodeSelector: { pool: 'web' } }]],
    ['the operating system', { os: { name: 'linux' } }, [{ nodeSelector: { 'kubernetes.io/os': 'linux' } }]],
    [
      'a list for each term of the required affinity but empty ones',
      required({ matchExpressions: [ssd] }, {}, { matchExpressions: [big] }),
      [
        { nodeSelector: {}, nodeMatchExpressions: [ssd] },
        { nodeSelector: {}, nodeMatchExpressions: [big] },
      ],
    ],
    [
      'nodes that a term names, by the label with their host name',
      required({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a', 'b'] }] }),
      [
        {
          nodeSelector: {},
          nodeMatchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['host-a', 'b'] }],
        },
      ],
    ],
    [
      'the node that a Pod is bound to',
      { nodeName: 'a' },
      [{ nodeMatchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['host-a'] }] }],
    ],
  ])('selects %s', (_, spec, lists) => {
    expect(specOf(spec)).toMatchObject({ spec: { cacheSpec: lists.map((list) => ({ images: ['app:1'], ...list })) } });
  });

  it('refuses a required affinity that matches no node', () => {
    expect(() => specOf(required({}))).toThrow('Deployment/web: its required node affinity matches no node');
  });

  it.each([
    ['no taint by default', {}, { tolerations: [], unschedulable: 'Skip' }],
    [
      'what the Pods tolerate',
      { tolerations: [{ key: 'gpu', operator: 'Exists' }] },
      { tolerations: [{ key: 'gpu', operator: 'Exists' }], unschedulable: 'Skip' },
    ],
    [
      'cordoned nodes if the Pods do',
      { tolerations: [{ operator: 'Exists' }] },
      { tolerations: [{ operator: 'Exists' }], unschedulable: 'Pull' },
    ],
  ])('tolerates %s', (_, spec, expected) => {
    expect(specOf(spec)).toMatchObject({ spec: expected });
  });

  it('tolerates every taint of the node that a Pod is bound to', () => {
    expect(specOf({ nodeName: 'a' })).not.toHaveProperty('spec.tolerations');
  });

  it('has every image once, as the Pods spell it, and then what it keeps', () => {
    const containers = ['nginx:1', 'docker.io/library/nginx:1', 'nginx:1'].map((image, index) => ({
      name: `c${index}`,
      image,
    }));
    const made = preRolloutCache(workload({ containers }), { credentials, kept: ['nginx:0', 'nginx:1'], nodes });
    expect(made).toHaveProperty('spec.cacheSpec.0.images', ['nginx:1', 'docker.io/library/nginx:1', 'nginx:0']);
  });

  it('is named after the workload, and never longer than a name may be', () => {
    expect(cacheNameOf({ kind: 'Job', name: 'migrate-' })).toBe('rollout-job-migrate');
    const long = [
      cacheNameOf({ kind: 'Job', name: 'x'.repeat(253) }),
      cacheNameOf({ kind: 'Job', name: 'x'.repeat(252) }),
    ];
    expect(new Set(long.map((name) => name.length))).toEqual(new Set([253]));
    expect(new Set(long).size).toBe(2);
  });
});
