import { objectAt, type JsonObject, isObject, listAt, textAt } from '../json.ts';
import { nodes } from '../api/kinds/node.ts';
import { leases } from '../api/kinds/plain.ts';
import { type KubeObject, kubeObject, nameOf, uidOf, wireTime, labelsOf, withMetadata } from '../api/kube-object.ts';
import type { World } from './controller.ts';
import type { Image } from './image-store.ts';
import { createHash } from 'node:crypto';

/** What a kubelet writes about its Node. */
export type NodeAgent = {
  /** Tells the node's images in a moment. */
  readonly imagesChanged: (images: () => readonly Image[]) => void;
  readonly stop: () => void;
};

const statusBeat = 5 * 60_000;
const leaseBeat = 10_000;
const leaseNamespace = 'kube-node-lease' as const;

/** The largest ones: kubelets list 50 by default. */
const listed = (images: readonly Image[]): readonly object[] =>
  [...images]
    .sort((a, b) => b.size - a.size)
    .slice(0, 50)
    .map(({ repository, name, digest, size }) => ({
      names: [...new Set([`${repository}@${digest}`, name])],
      sizeBytes: size,
    }));

const renewLease = ({ operations, core }: World, node: KubeObject): void => {
  const name = nameOf(node);
  const renewTime = new Date(core.clock.now()).toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
  const known = operations.find(leases, leaseNamespace, name);
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid: uidOf(node) };
  if (known !== undefined) operations.update(leases, known, (current) => ({ ...current, spec }));
  else
    operations.create(leases, leaseNamespace, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, ownerReferences: [owner] },
      spec,
    });
};

/** Registers a Node after a moment, and from then on keeps telling that it is there. */
export const startNodeAgent = (world: World, node: KubeObject): NodeAgent => {
  const { core, operations, timings } = world;
  const { clock } = core;
  const cancels = new Map<string, () => void>();
  const later = (what: string, ms: number, act: () => void): void => {
    cancels.set(
      what,
      clock.after(ms, () => {
        cancels.delete(what);
        if (uidOf(operations.find(nodes, '', nameOf(node)) ?? kubeObject({})) === uidOf(node)) act();
      }),
    );
  };
  const time = (): string => wireTime(clock.now());
  const every = (what: string, ms: number, act: () => void): void =>
    later(what, ms, () => {
      act();
      every(what, ms, act);
    });
  later('register', timings.nodeReady, () => {
    operations.update(nodes, node, (current) => registered(current, time()).named);
    operations.update(nodes, node, (current) => registered(current, time()).ready, 'status');
    renewLease(world, node);
    every('lease', leaseBeat, () => renewLease(world, node));
    every('status', statusBeat, () =>
      operations.update(nodes, node, (current) => heartbeat(current, time()), 'status'),
    );
  });
  return {
    imagesChanged: (images) => {
      if (cancels.has('images')) return;
      later('images', timings.nodeStatus, () =>
        operations.update(
          nodes,
          node,
          (current) =>
            heartbeat(
              kubeObject({ ...current, status: { ...objectAt(current, 'status'), images: listed(images()) } }),
              time(),
            ),
          'status',
        ),
      );
    },
    stop: () => {
      for (const cancel of cancels.values()) cancel();
    },
  };
};

const hex = (text: string): string => createHash('sha256').update(text).digest('hex');

const dashed = (text: string): string => text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');

const fine = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
] as const;

const conditions = (time: string): readonly JsonObject[] => [
  ...fine.map(([type, reason, message]) => ({
    type,
    status: 'False',
    lastHeartbeatTime: time,
    lastTransitionTime: time,
    reason,
    message,
  })),
  {
    type: 'Ready',
    status: 'True',
    lastHeartbeatTime: time,
    lastTransitionTime: time,
    reason: 'KubeletReady',
    message: 'kubelet is posting ready status',
  },
];

const resources = { cpu: '4', 'ephemeral-storage': '100Gi', memory: '16Gi', pods: '110' } as const;

const info = (node: KubeObject): JsonObject => ({
  architecture: 'amd64',
  bootID: dashed(hex(`boot ${uidOf(node)}`)),
  containerRuntimeVersion: 'containerd://2.2.9',
  kernelVersion: '6.12.0-simulated',
  kubeProxyVersion: '',
  kubeletVersion: 'v1.36.3',
  machineID: hex(uidOf(node)).slice(0, 32),
  operatingSystem: 'linux',
  osImage: 'Simulated Linux',
  systemUUID: dashed(hex(`system ${uidOf(node)}`)),
});

const reportedInfo = (node: KubeObject): JsonObject =>
  Object.fromEntries(Object.entries(objectAt(node, 'status', 'nodeInfo')).filter(([, value]) => value !== ''));

/** The Node as its kubelet registers it; fields that are already set stay. */
const registered = (node: KubeObject, time: string): { readonly named: KubeObject; readonly ready: KubeObject } => {
  const name = nameOf(node);
  const labels = {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...labelsOf(node),
  };
  const reported = listAt(node, 'status', 'conditions');
  const missing = conditions(time).filter(({ type }) => !reported.some((one) => textAt(one, 'type') === type));
  const address = `10.0.${parseInt(hex(uidOf(node)).slice(0, 2), 16)}.${1 + (parseInt(hex(name).slice(0, 2), 16) % 250)}`;
  return {
    named: withMetadata(node, { labels }),
    ready: kubeObject({
      ...node,
      status: {
        addresses: [
          { type: 'InternalIP', address },
          { type: 'Hostname', address: name },
        ],
        allocatable: resources,
        capacity: resources,
        images: [],
        ...objectAt(node, 'status'),
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
        nodeInfo: { ...info(node), ...reportedInfo(node) },
        conditions: [...reported, ...missing],
      },
    }),
  };
};

/** The Node with the heartbeat of its conditions renewed. */
const heartbeat = (node: KubeObject, time: string): KubeObject =>
  kubeObject({
    ...node,
    status: {
      ...objectAt(node, 'status'),
      conditions: listAt(node, 'status', 'conditions')
        .filter(isObject)
        .map((condition) => ({ ...condition, lastHeartbeatTime: time })),
    },
  });
