import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import type { Json } from '../../../sources/kubernetes/json.ts';
import { imageCaches, jobs, nodes, pods, type Resource } from '../../../sources/kubernetes/resource.ts';
import { isSignificant, type Projection } from '../../../sources/kubernetes/significance.ts';
import { condition, imageCache, job, node, pod, terminated } from '../objects.ts';

type Row = { readonly when: string; readonly from?: Json; readonly to?: Json; readonly tells: boolean };

const waiting = (reason: string, message = ''): Json => ({
  containerStatuses: [{ name: 'image-0', state: { waiting: { reason, message } } }],
});
const nodeWith = (spec: Json, status: Json = {}): Json => node({}, { spec, status });
const nodeInfo = (info: Json): Json => nodeWith({}, { nodeInfo: info });
const taints = (...keys: readonly string[]): Json =>
  nodeWith({ taints: keys.map((key) => ({ key, effect: 'NoSchedule' })) });

function check<P extends Projection>(resource: Resource<P>, rows: readonly Row[]): void {
  it.each(rows)('$when: $tells', ({ from, to, tells }) => {
    const [previous, current] = [from, to].map((object) => object && resource.project(object));
    expect(isSignificant(previous, current)).toBe(tells);
  });
}

describe('a change of an ImageCache', () => {
  const annotated = (name: string, value: string): Json => imageCache({ annotations: { [name]: value } });
  const roundOf = (annotation: string, status: string): Json =>
    imageCache({ annotations: { [annotation]: '' } }, { status: { status, round: { requestedBy: { annotation } } } });
  const handled = (status: string): Json =>
    imageCache(
      { annotations: { [annotations.refreshRequestedAt]: '1' } },
      { status: { status, lastHandledRefreshAt: '1' } },
    );
  check(imageCaches, [
    { when: 'it is added', to: imageCache(), tells: true },
    { when: 'it is deleted', from: imageCache(), tells: true },
    { when: 'its spec changes', from: imageCache(), to: imageCache({ generation: 2 }), tells: true },
    {
      when: 'only its status changes',
      from: imageCache(),
      to: imageCache({}, { status: { status: 'Processing' } }),
      tells: false,
    },
    {
      when: 'its deletion is requested',
      from: imageCache(),
      to: imageCache({ deletionTimestamp: '2026-11-24T00:00:00Z' }),
      tells: true,
    },
    ...Object.values(annotations).map((name) => ({
      when: `${name} appears`,
      from: imageCache(),
      to: annotated(name, ''),
      tells: true,
    })),
    {
      when: 'a token changes',
      from: annotated(annotations.refreshRequestedAt, '1'),
      to: annotated(annotations.refreshRequestedAt, '2'),
      tells: true,
    },
    { when: 'a trigger is removed', from: annotated(annotations.refresh, ''), to: imageCache(), tells: true },
    ...[annotations.refresh, annotations.refreshRequestedAt].map((name) => ({
      when: `a round ends during which ${name} was set`,
      from: imageCache({ annotations: { [name]: 'x' } }, { status: { status: 'Processing' } }),
      to: imageCache({ annotations: { [name]: 'x' } }, { status: { status: 'Succeeded' } }),
      tells: true,
    })),
    {
      when: 'the round of an annotation ends',
      from: roundOf(annotations.refresh, 'Processing'),
      to: roundOf(annotations.refresh, 'Succeeded'),
      tells: false,
    },
    {
      when: 'a round ends in which the token was handled',
      from: handled('Processing'),
      to: handled('Succeeded'),
      tells: false,
    },
    { when: 'another annotation appears', from: imageCache(), to: annotated('example.com/x', ''), tells: false },
    { when: 'a label appears', from: imageCache(), to: imageCache({ labels: { a: 'b' } }), tells: false },
  ]);
});

describe('a change of the removals of an ImageCache', () => {
  const removal = (fields: Json, pull = 'Ready'): Json => {
    const removals = { 'node-1': { state: 'Pending', imagesHash: 'a1', ...fields } };
    return imageCache({}, { status: { nodes: { 'node-1': { state: pull } }, removals } });
  };
  const failed = removal({}, 'Failed');
  const removalsOf = (cache: Json): string => imageCaches.project(cache).removals;

  it.each([
    { when: 'the state of a node changes', to: removal({ state: 'Removing' }), differs: true },
    { when: 'other images are to be removed', to: removal({ imagesHash: 'b2' }), differs: true },
    { when: 'the node becomes Ready for the new spec', from: failed, to: removal({}), differs: true },
    { when: 'the node is skipped instead of failing', from: failed, to: removal({}, 'Skipped'), differs: false },
    { when: 'only the attempt changes', to: removal({ attempt: 2 }), differs: false },
  ])('$when: $differs', ({ from = removal({}), to, differs }) => {
    expect(removalsOf(to) !== removalsOf(from)).toBe(differs);
  });
});

describe('a change of a Job', () => {
  check(jobs, [
    { when: 'it is added', to: job(), tells: true },
    { when: 'it starts', from: job(), to: job({}, { active: 1, startTime: '2026-11-24T00:00:00Z' }), tells: false },
    ...['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'].map((type) => ({
      when: `${type} appears`,
      from: job(),
      to: job({}, condition(type)),
      tells: true,
    })),
    { when: 'Suspended appears', from: job(), to: job({}, condition('Suspended')), tells: false },
    { when: 'Failed is not true', from: job(), to: job({}, condition('Failed', 'False')), tells: false },
    { when: 'it is deleted', from: job(), tells: true },
  ]);
});

describe('a change of a Pod', () => {
  check(pods, [
    { when: 'it is added', to: pod({}, { phase: 'Pending' }), tells: false },
    { when: 'it is found with a result', to: pod({}, terminated()), tells: true },
    { when: 'it is scheduled', from: pod(), to: pod({}, condition('PodScheduled')), tells: false },
    { when: 'it pulls', from: pod(), to: pod({}, waiting('ContainerCreating')), tells: false },
    { when: 'its init container runs', from: pod(), to: pod({}, waiting('PodInitializing')), tells: false },
    {
      when: 'a pull fails',
      from: pod({}, waiting('ContainerCreating')),
      to: pod({}, waiting('ErrImagePull')),
      tells: true,
    },
    {
      when: 'the kubelet backs off',
      from: pod({}, waiting('ErrImagePull')),
      to: pod({}, waiting('ImagePullBackOff')),
      tells: false,
    },
    {
      when: 'the kubelet throttles',
      from: pod(),
      to: pod({}, waiting('ErrImagePull', 'pull QPS exceeded')),
      tells: false,
    },
    {
      when: 'a throttled pull fails',
      from: pod({}, waiting('ErrImagePull', 'pull QPS exceeded')),
      to: pod({}, waiting('ErrImagePull', 'not found')),
      tells: true,
    },
    { when: 'a failed pull succeeds', from: pod({}, waiting('ErrImagePull')), to: pod({}, terminated()), tells: true },
    { when: 'another container ends', from: pod({}, terminated()), to: pod({}, terminated('image-1')), tells: true },
    {
      when: 'an init container ends',
      from: pod(),
      to: pod({}, { initContainerStatuses: [{ name: 'noop', state: { terminated: {} } }] }),
      tells: true,
    },
    { when: 'it runs', from: pod({}, { phase: 'Pending' }), to: pod({}, { phase: 'Running' }), tells: false },
    ...['Succeeded', 'Failed'].map((phase) => ({
      when: `it has ${phase}`,
      from: pod({}, { phase: 'Running' }),
      to: pod({}, { phase }),
      tells: true,
    })),
    {
      when: 'its deletion is requested',
      from: pod(),
      to: pod({ deletionTimestamp: '2026-11-24T00:00:00Z' }),
      tells: true,
    },
    { when: 'it is deleted', from: pod(), tells: true },
  ]);
});

describe('a change of a Node', () => {
  check(nodes, [
    { when: 'it is added', to: node(), tells: true },
    { when: 'it is deleted', from: node(), tells: true },
    {
      when: 'it sends a heartbeat',
      from: node(),
      to: node(
        {},
        { status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: 'x' }], images: [{}] } },
      ),
      tells: false,
    },
    { when: 'it becomes NotReady', from: node(), to: node({}, { status: condition('Ready', 'Unknown') }), tells: true },
    {
      when: 'its disk fills',
      from: nodeWith({}, condition('DiskPressure', 'False')),
      to: nodeWith({}, condition('DiskPressure')),
      tells: true,
    },
    {
      when: 'its memory fills',
      from: nodeWith({}, condition('MemoryPressure', 'False')),
      to: nodeWith({}, condition('MemoryPressure')),
      tells: false,
    },
    { when: 'it is cordoned', from: nodeWith({}), to: nodeWith({ unschedulable: true }), tells: true },
    { when: 'unschedulable is spelled out', from: nodeWith({}), to: nodeWith({ unschedulable: false }), tells: false },
    { when: 'a label changes', from: node(), to: node({ labels: { pool: 'db' } }), tells: false },
    {
      when: 'its labels are reordered',
      from: node({ labels: { a: '1', b: '2' } }),
      to: node({ labels: { b: '2', a: '1' } }),
      tells: false,
    },
    { when: 'an annotation changes', from: node(), to: node({ annotations: { a: 'b' } }), tells: false },
    { when: 'a taint is added', from: nodeWith({}), to: taints('dedicated'), tells: true },
    { when: 'a taint is removed', from: taints('dedicated', 'other'), to: taints('other'), tells: true },
    { when: 'its taints are reordered', from: taints('a', 'b'), to: taints('b', 'a'), tells: false },
    ...['ToBeDeletedByClusterAutoscaler', 'karpenter.sh/disrupted', 'karpenter.sh/disruption'].map((key) => ({
      when: `${key} comes`,
      from: taints('dedicated'),
      to: taints('dedicated', key),
      tells: true,
    })),
    {
      when: 'the autoscaler considers it',
      from: nodeWith({}),
      to: nodeWith({ taints: [{ key: 'DeletionCandidateOfClusterAutoscaler', effect: 'PreferNoSchedule' }] }),
      tells: false,
    },
    {
      when: 'its deletion is requested',
      from: node(),
      to: node({ deletionTimestamp: '2026-11-24T00:00:00Z' }),
      tells: true,
    },
    ...['machineID', 'systemUUID', 'kubeletVersion', 'containerRuntimeVersion', 'operatingSystem'].map((field) => ({
      when: `its ${field} changes`,
      from: nodeInfo({ [field]: 'a' }),
      to: nodeInfo({ [field]: 'b' }),
      tells: true,
    })),
    { when: 'its boot id changes', from: nodeInfo({ bootID: 'a' }), to: nodeInfo({ bootID: 'b' }), tells: false },
  ]);
});

describe('the cache that an object belongs to', () => {
  const owned = (kind: string, apiVersion = 'kubefledged.io/v1alpha2', controller = true): Json =>
    job({ annotations: {}, ownerReferences: [{ apiVersion, kind, name: 'old', controller }] });
  it.each([
    { when: 'annotated', object: job(), cache: 'apps/web' },
    { when: 'only owned, as by kube-fledged', object: owned('ImageCache'), cache: 'apps/old' },
    {
      when: 'annotated with no key',
      object: job({ annotations: { 'kubefledged.io/cache': 'web' } }),
      cache: undefined,
    },
    { when: 'owned by something else', object: owned('CronJob', 'batch/v1'), cache: undefined },
    { when: 'owned by another group of that kind', object: owned('ImageCache', 'example.com/v1'), cache: undefined },
    {
      when: 'owned, but not controlled',
      object: owned('ImageCache', 'kubefledged.io/v1alpha2', false),
      cache: undefined,
    },
  ])('of a Job that is $when: $cache', ({ object, cache }) => {
    expect(jobs.project(object).cache).toBe(cache);
  });

  it('is in the annotation of a Pod, whose Job is its controller', () => {
    expect(pods.project(pod())).toMatchObject({ cache: 'apps/web', job: 'apps/web-1' });
  });

  it('is large from 100 KB', () => {
    expect(imageCaches.project(imageCache()).large).toBe(false);
    expect(imageCaches.project(imageCache({}, { status: { message: 'x'.repeat(100_000) } })).large).toBe(true);
  });
});
