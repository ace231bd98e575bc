import { createHash } from 'node:crypto';
import { type JsonObject, isObject, listAt, objectAt, textAt } from '../json.ts';
import { type KubeObject, kubeObject, labelsOf, nameOf, uidOf, withMetadata } from '../api/kube-object.ts';

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
export const registered = (
  node: KubeObject,
  time: string,
): { readonly named: KubeObject; readonly ready: KubeObject } => {
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
export const heartbeat = (node: KubeObject, time: string): KubeObject =>
  kubeObject({
    ...node,
    status: {
      ...objectAt(node, 'status'),
      conditions: listAt(node, 'status', 'conditions')
        .filter(isObject)
        .map((condition) => ({ ...condition, lastHeartbeatTime: time })),
    },
  });
