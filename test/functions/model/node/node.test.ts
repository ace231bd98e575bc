import { describe, expect, it } from 'vitest';
import type { Toleration } from '#model/cache/spec-schema.ts';
import { hasImageVolumes, nodeId, skipReason, type Node, pullRules, criSocket } from '#model/node/node.ts';
import { parseNode } from '#model/node/parse-node.ts';
import { cache, node, settings, spec } from '../builders.ts';

const tainted = (key: string, effect = 'NoSchedule', value = ''): Partial<Node> => ({
  taints: [{ key, value, effect }],
});

type Row = {
  readonly when: string;
  readonly given: Partial<Node>;
  readonly tolerations?: readonly Toleration[];
  readonly reason: string | undefined;
};

const rows: readonly Row[] = [
  { when: 'ready and schedulable', given: {}, reason: undefined },
  { when: 'not ready', given: { isReady: false }, reason: 'NotReady' },
  { when: 'cordoned', given: { isUnschedulable: true }, reason: 'Unschedulable' },
  { when: 'under disk pressure', given: { hasDiskPressure: true }, reason: 'DiskPressure' },
  { when: 'running Windows', given: { operatingSystem: 'windows' }, reason: 'OtherOperatingSystem' },
  { when: 'opted out', given: { labels: { 'kubefledged.io/skip': 'true' } }, reason: 'OptedOut' },
  { when: 'opted out without a value', given: { labels: { 'kubefledged.io/skip': '' } }, reason: 'OptedOut' },
  { when: 'opted in again', given: { labels: { 'kubefledged.io/skip': 'false' } }, reason: undefined },
  { when: 'being deleted', given: { isBeingDeleted: true }, reason: 'BeingDeleted' },
  { when: 'marked by cluster-autoscaler', given: tainted('ToBeDeletedByClusterAutoscaler'), reason: 'BeingDeleted' },
  { when: 'disrupted by Karpenter', given: tainted('karpenter.sh/disrupted'), reason: 'BeingDeleted' },
  { when: 'disrupted by an old Karpenter', given: tainted('karpenter.sh/disruption'), reason: 'BeingDeleted' },
  { when: 'a virtual kubelet', given: { labels: { type: 'virtual-kubelet' } }, reason: 'Virtual' },
  { when: 'on Fargate', given: { labels: { 'eks.amazonaws.com/compute-type': 'fargate' } }, reason: 'Virtual' },
  { when: 'tainted as virtual', given: tainted('virtual-kubelet.io/provider'), reason: 'Virtual' },
  { when: 'being deleted and not ready', given: { isBeingDeleted: true, isReady: false }, reason: 'BeingDeleted' },
  { when: 'tainted, and every taint is tolerated', given: tainted('gpu', 'NoExecute'), reason: undefined },
  ...['control-plane', 'master'].map((role) => ({
    when: `tainted as ${role}, which only tolerations of the cache's own tolerate`,
    given: tainted(`node-role.kubernetes.io/${role}`),
    reason: 'TaintNotTolerated' as const,
  })),
  {
    when: 'tainted as control-plane, and tolerated by the cache',
    given: tainted('node-role.kubernetes.io/control-plane'),
    tolerations: [{ operator: 'Exists' }],
    reason: undefined,
  },
  {
    when: 'tainted as control-plane with PreferNoSchedule',
    given: tainted('node-role.kubernetes.io/control-plane', 'PreferNoSchedule'),
    reason: undefined,
  },
  { when: 'tainted, and none is tolerated', given: tainted('gpu'), tolerations: [], reason: 'TaintNotTolerated' },
  {
    when: 'tainted with PreferNoSchedule',
    given: tainted('gpu', 'PreferNoSchedule'),
    tolerations: [],
    reason: undefined,
  },
  {
    when: 'tolerated by key and value',
    given: tainted('gpu', 'NoSchedule', 'a'),
    tolerations: [{ key: 'gpu', value: 'a' }],
    reason: undefined,
  },
  {
    when: 'tainted with another value',
    given: tainted('gpu', 'NoSchedule', 'a'),
    tolerations: [{ key: 'gpu', value: 'b' }],
    reason: 'TaintNotTolerated',
  },
  {
    when: 'tolerated by key',
    given: tainted('gpu', 'NoSchedule', 'a'),
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    reason: undefined,
  },
  {
    when: 'tolerated for another effect',
    given: tainted('gpu', 'NoExecute'),
    tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    reason: 'TaintNotTolerated',
  },
  {
    when: 'tolerated by Exists without a key',
    given: tainted('gpu'),
    tolerations: [{ operator: 'Exists' }],
    reason: undefined,
  },
  { when: 'tolerated by an empty toleration', given: tainted('gpu'), tolerations: [{}], reason: 'TaintNotTolerated' },
];

describe('skip reason of a node that is', () => {
  it.each(rows)('$when: $reason', ({ given, tolerations, reason }) => {
    expect(skipReason(node(given), { tolerations, unschedulable: 'Skip' })).toBe(reason);
  });
});

describe('image volumes are supported by', () => {
  it.each([
    ['v1.36.3', 'containerd://2.2.9', true],
    ['v1.35.0', 'containerd://2.1.0', true],
    ['v1.35.0-eks-1a2b', 'containerd://2.10.0', true],
    ['v1.34.9', 'containerd://2.2.9', false],
    ['v1.36.0', 'containerd://2.0.7', false],
    ['v1.36.0', 'containerd://1.7.24', false],
    ['v1.35.1', 'cri-o://1.33.0', true],
    ['v1.35.1', 'cri-o://1.32.4', false],
    ['v2.0.0', 'containerd://3.0.0', true],
    ['v1.36.0', 'docker://28.1.0', false],
    ['', '', false],
  ])('kubelet %s over %s: %s', (kubeletVersion, containerRuntime, can) => {
    expect(hasImageVolumes(node({ kubeletVersion, containerRuntime }))).toBe(can);
  });
});

describe('parsed node', () => {
  const serialized = {
    metadata: { name: 'n', uid: 'u', labels: { pool: 'web' }, creationTimestamp: '2026-11-24T09:00:00Z' },
    spec: { unschedulable: true, taints: [{ key: 'gpu', effect: 'NoSchedule' }] },
    status: {
      conditions: [
        { type: 'Ready', status: 'True', lastHeartbeatTime: '2026-11-24T10:00:00Z' },
        { type: 'DiskPressure', status: 'Unknown' },
      ],
      nodeInfo: {
        machineID: 'm',
        systemUUID: 's',
        operatingSystem: 'linux',
        kubeletVersion: 'v1.36.3',
        containerRuntimeVersion: 'containerd://2.2.9',
      },
      images: [{ names: ['nginx:1.27', `nginx@sha256:${'a'.repeat(64)}`] }, { names: null }],
    },
  };

  it('has every field, and normalised image references', () => {
    expect(parseNode(serialized)).toEqual({
      name: 'n',
      uid: 'u',
      createdAt: Date.UTC(2026, 10, 24, 9),
      id: nodeId('u', 'm', 's'),
      labels: { pool: 'web' },
      taints: [{ key: 'gpu', value: '', effect: 'NoSchedule' }],
      isReady: true,
      reportedAt: Date.UTC(2026, 10, 24, 10),
      isUnschedulable: true,
      hasDiskPressure: false,
      isBeingDeleted: false,
      operatingSystem: 'linux',
      kubeletVersion: 'v1.36.3',
      containerRuntime: 'containerd://2.2.9',
      isImageListComplete: true,
      images: new Set(['docker.io/library/nginx:1.27', `docker.io/library/nginx@sha256:${'a'.repeat(64)}`]),
      digests: new Map([['docker.io/library/nginx:1.27', new Set([`sha256:${'a'.repeat(64)}`])]]),
    });
  });

  it('has the digests that are listed with a tag, and none for a tag listed alone', () => {
    const images = [
      { names: ['app@sha256:1', 'mirror.example/app@sha256:2', 'app', 'mirror.example/app:3'] },
      { names: ['app@sha256:0'] },
      { names: ['loaded:1'] },
    ];
    const both = new Set(['sha256:1', 'sha256:2']);
    expect(parseNode({ ...serialized, status: { images } }).digests).toEqual(
      new Map([
        ['docker.io/library/app:latest', both],
        ['mirror.example/app:3', both],
      ]),
    );
  });

  it.each([
    [true, 49, 4],
    [false, 50, 1],
    [false, 1, 5],
  ])('has a complete image list: %s, for %s images and %s names of the first', (isComplete, images, names) => {
    const namesOf = (image: number) =>
      Array.from({ length: image === 0 ? names : 1 }, (_, index) => `app-${image}:${index}`);
    const listed = Array.from({ length: images }, (_, image) => ({ names: namesOf(image) }));
    expect(parseNode({ ...serialized, status: { images: listed } }).isImageListComplete).toBe(isComplete);
  });

  it('has another id if it was re-created with the same name', () => {
    expect(parseNode({ ...serialized, metadata: { ...serialized.metadata, uid: 'v' } }).id).not.toBe(
      parseNode(serialized).id,
    );
  });

  it('is not ready until the kubelet reports it', () => {
    expect(parseNode({ metadata: { name: 'n', uid: 'u' } })).toMatchObject({ isReady: false, operatingSystem: '' });
    expect(
      skipReason(parseNode({ metadata: { name: 'n', uid: 'u' } }), { tolerations: undefined, unschedulable: 'Pull' }),
    ).toBe('OtherOperatingSystem');
  });
});

describe('a cordoned node', () => {
  const cordoned = node({
    isUnschedulable: true,
    taints: [{ key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' }],
  });

  it.each([
    ['pulls, as for kube-fledged', {}, {}, undefined],
    ['pulls although no taint is tolerated', { tolerations: [] }, {}, undefined],
    ['is skipped if the spec says so', { unschedulable: 'Skip' }, {}, 'Unschedulable'],
    ['is skipped if the setting says so', {}, { unschedulable: 'Skip' }, 'Unschedulable'],
    [
      'pulls if the spec says so, and the setting does not',
      { unschedulable: 'Pull' },
      { unschedulable: 'Skip' },
      undefined,
    ],
  ] as const)('%s', (_, given, by, is) => {
    expect(skipReason(cordoned, pullRules(cache({ spec: spec(given) }), settings(by)))).toBe(is);
  });

  it('that an autoscaler is about to remove is skipped', () => {
    const taints = [...cordoned.taints, { key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' }];
    expect(skipReason({ ...cordoned, taints }, pullRules(cache(), settings()))).toBe('BeingDeleted');
  });
});

const sockets: readonly { runtime: string; kubelet?: string; setting?: string; socket: string | undefined }[] = [
  { runtime: 'containerd://2.2.9', socket: '/run/containerd/containerd.sock' },
  { runtime: 'cri-o://1.33.1', socket: '/var/run/crio/crio.sock' },
  { runtime: 'containerd://2.1.4-k3s1', kubelet: 'v1.34.1+k3s1', socket: '/run/k3s/containerd/containerd.sock' },
  { runtime: 'containerd://2.1.4-k3s1', kubelet: 'v1.34.1+rke2r1', socket: '/run/k3s/containerd/containerd.sock' },
  { runtime: 'containerd://1.7.27', kubelet: 'v1.34.1+k0s', socket: '/run/k0s/containerd.sock' },
  { runtime: 'docker://27.0.1', socket: '/run/cri-dockerd.sock' },
  { runtime: 'kwok', socket: undefined },
  { runtime: '', socket: undefined },
  { runtime: 'containerd://2.2.9', setting: '/run/other.sock', socket: '/run/other.sock' },
  { runtime: 'kwok', setting: '/run/other.sock', socket: '/run/other.sock' },
];

describe('CRI socket', () => {
  it.each(sockets)(
    'is $socket for $runtime, kubelet $kubelet, setting $setting',
    ({ runtime, kubelet, setting, socket }) => {
      const target = node({ containerRuntime: runtime, kubeletVersion: kubelet ?? 'v1.34.2' });
      expect(criSocket(target, settings({ criSocketPath: setting ?? '' }))).toBe(socket);
    },
  );
});
