import { describe, expect, it } from 'vitest';
import type { Toleration } from '#model/cache/image-cache.ts';
import { hasImageVolumes, nodeId, skipReason, type Node } from '#model/node/node.ts';
import { parseNode } from '#model/node/parse-node.ts';
import { node } from '../builders.ts';

const tainted = (key: string, effect = 'NoSchedule', value = ''): Partial<Node> => ({
  taints: [{ key, value, effect }],
});

type Row = {
  readonly when: string;
  readonly given: Partial<Node>;
  readonly tolerations?: readonly Toleration[];
  readonly is: string | undefined;
};

const rows: readonly Row[] = [
  { when: 'ready and schedulable', given: {}, is: undefined },
  { when: 'not ready', given: { isReady: false }, is: 'NotReady' },
  { when: 'cordoned', given: { isUnschedulable: true }, is: 'Unschedulable' },
  { when: 'full', given: { hasDiskPressure: true }, is: 'DiskPressure' },
  { when: 'of Windows', given: { operatingSystem: 'windows' }, is: 'OtherOperatingSystem' },
  { when: 'being deleted', given: { isBeingDeleted: true }, is: 'BeingDeleted' },
  { when: "on the autoscaler's list", given: tainted('ToBeDeletedByClusterAutoscaler'), is: 'BeingDeleted' },
  { when: 'disrupted by Karpenter', given: tainted('karpenter.sh/disrupted'), is: 'BeingDeleted' },
  { when: 'disrupted by an old Karpenter', given: tainted('karpenter.sh/disruption'), is: 'BeingDeleted' },
  { when: 'a virtual kubelet', given: { labels: { type: 'virtual-kubelet' } }, is: 'Virtual' },
  { when: 'of Fargate', given: { labels: { 'eks.amazonaws.com/compute-type': 'fargate' } }, is: 'Virtual' },
  { when: 'tainted as virtual', given: tainted('virtual-kubelet.io/provider'), is: 'Virtual' },
  { when: 'being deleted and not ready', given: { isBeingDeleted: true, isReady: false }, is: 'BeingDeleted' },
  { when: 'tainted, and every taint is tolerated', given: tainted('gpu', 'NoExecute'), is: undefined },
  { when: 'tainted, and none is tolerated', given: tainted('gpu'), tolerations: [], is: 'TaintNotTolerated' },
  { when: 'tainted by preference', given: tainted('gpu', 'PreferNoSchedule'), tolerations: [], is: undefined },
  {
    when: 'tolerated by key and value',
    given: tainted('gpu', 'NoSchedule', 'a'),
    tolerations: [{ key: 'gpu', value: 'a' }],
    is: undefined,
  },
  {
    when: 'tainted with another value',
    given: tainted('gpu', 'NoSchedule', 'a'),
    tolerations: [{ key: 'gpu', value: 'b' }],
    is: 'TaintNotTolerated',
  },
  {
    when: 'tolerated by key',
    given: tainted('gpu', 'NoSchedule', 'a'),
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    is: undefined,
  },
  {
    when: 'tolerated for another effect',
    given: tainted('gpu', 'NoExecute'),
    tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    is: 'TaintNotTolerated',
  },
  { when: 'tolerated like all', given: tainted('gpu'), tolerations: [{ operator: 'Exists' }], is: undefined },
  { when: 'tolerated by a key of nothing', given: tainted('gpu'), tolerations: [{}], is: 'TaintNotTolerated' },
];

describe('a node is left alone when it is', () => {
  it.each(rows)('$when: $is', ({ given, tolerations, is }) => {
    expect(skipReason(node(given), tolerations)).toBe(is);
  });
});

describe('images can be mounted with', () => {
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

describe('a node off the wire', () => {
  const wire = {
    metadata: { name: 'n', uid: 'u', labels: { pool: 'web' }, creationTimestamp: '2026-11-24T09:00:00Z' },
    spec: { unschedulable: true, taints: [{ key: 'gpu', effect: 'NoSchedule' }] },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
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

  it('is what functions look at, its images normalised', () => {
    expect(parseNode(wire)).toEqual({
      name: 'n',
      uid: 'u',
      createdAt: Date.UTC(2026, 10, 24, 9),
      id: nodeId('u', 'm', 's'),
      labels: { pool: 'web' },
      taints: [{ key: 'gpu', value: '', effect: 'NoSchedule' }],
      isReady: true,
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

  it('has an image under the digests that are listed beside its tag, and tells none of a tag without', () => {
    const images = [
      { names: ['app@sha256:1', 'mirror.example/app@sha256:2', 'app', 'mirror.example/app:3'] },
      { names: ['app@sha256:0'] },
      { names: ['loaded:1'] },
    ];
    const both = new Set(['sha256:1', 'sha256:2']);
    expect(parseNode({ ...wire, status: { images } }).digests).toEqual(
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
  ])('has told all its images: %s, with %s of them and %s names of the first', (isComplete, images, names) => {
    const namesOf = (image: number) => Array.from({ length: image === 0 ? names : 1 }, (_, at) => `app-${image}:${at}`);
    const listed = Array.from({ length: images }, (_, image) => ({ names: namesOf(image) }));
    expect(parseNode({ ...wire, status: { images: listed } }).isImageListComplete).toBe(isComplete);
  });

  it('is another machine when it was made anew under its name', () => {
    expect(parseNode({ ...wire, metadata: { ...wire.metadata, uid: 'v' } }).id).not.toBe(parseNode(wire).id);
  });

  it('is not ready until its kubelet says so', () => {
    expect(parseNode({ metadata: { name: 'n', uid: 'u' } })).toMatchObject({ isReady: false, operatingSystem: '' });
    expect(skipReason(parseNode({ metadata: { name: 'n', uid: 'u' } }), undefined)).toBe('OtherOperatingSystem');
  });
});
