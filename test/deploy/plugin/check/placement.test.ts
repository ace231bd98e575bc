import { describe, expect, it } from 'vitest';
import { exclusion } from '../../../../deploy/plugin/check/placement.ts';
import { parseWorkload, workloadKinds } from '#model/workload/workload.ts';
import { nodeWith, podOf } from './situation.ts';

const affinity = (...nodeSelectorTerms: readonly object[]): object => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const label = (operator: string, ...values: readonly string[]): object => ({
  matchExpressions: [{ key: 'tier', operator, values }],
});
const field = (name: string): object => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] });
const gpu = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
const backend = nodeWith({ labels: { tier: 'backend' } });
const tainted = nodeWith({ taints: [gpu] });
const cordoned = nodeWith({ unschedulable: true });

describe('a Pod', () => {
  it.each([
    { pod: {}, node: backend, excluded: undefined },
    { pod: { nodeSelector: { tier: 'backend' } }, node: backend, excluded: undefined },
    {
      pod: { nodeSelector: { tier: 'edge', 'kubernetes.io/arch': 'arm64' } },
      node: backend,
      excluded: 'the node selector does not match: tier=edge',
    },
    {
      pod: { nodeSelector: { 'kubernetes.io/arch': 'amd64' } },
      node: backend,
      excluded: 'the node selector does not match: kubernetes.io/arch=amd64',
    },
    { pod: affinity(label('In', 'edge'), label('In', 'backend')), node: backend, excluded: undefined },
    { pod: affinity(label('NotIn', 'backend')), node: backend, excluded: 'the required node affinity does not match' },
    { pod: affinity({}), node: backend, excluded: 'the required node affinity does not match' },
    { pod: affinity(field('node-1')), node: backend, excluded: undefined },
    { pod: affinity(field('node-2')), node: backend, excluded: 'the required node affinity does not match' },
    { pod: {}, node: tainted, excluded: 'the taint gpu:NoSchedule is not tolerated' },
    { pod: { tolerations: [{ key: 'gpu', operator: 'Exists' }] }, node: tainted, excluded: undefined },
    { pod: {}, node: nodeWith({ taints: [{ ...gpu, effect: 'PreferNoSchedule' }] }), excluded: undefined },
    { pod: {}, node: cordoned, excluded: 'the taint node.kubernetes.io/unschedulable:NoSchedule is not tolerated' },
    { pod: {}, node: nodeWith({ isReady: false }), excluded: 'the node is not ready' },
    { pod: { os: { name: 'windows' } }, node: backend, excluded: 'the Pod requires windows, the node runs linux' },
    { pod: { nodeName: 'node-1' }, node: cordoned, excluded: undefined },
    { pod: { nodeName: 'node-2' }, node: backend, excluded: 'the Pod is bound to node node-2' },
  ])('with $pod: $excluded', ({ pod, node, excluded }) => {
    expect(exclusion(podOf(pod).placement, node)).toBe(excluded);
  });

  it.each([
    ['DaemonSet', undefined],
    ['Deployment', 'the taint node.kubernetes.io/unschedulable:NoSchedule is not tolerated'],
  ])('of a %s on a cordoned node: %s', (name, excluded) => {
    const kind = workloadKinds.find((each) => each.kind === name);
    if (kind === undefined) throw new TypeError('it is a kind');
    const { placement } = parseWorkload(
      { metadata: {}, spec: { template: { spec: { containers: [{ image: 'app:1' }] } } } },
      kind,
      'default',
    );
    expect(exclusion(placement, cordoned)).toBe(excluded);
  });
});
