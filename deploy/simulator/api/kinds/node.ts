import { at, listAt, objectAt, textAt } from '../../json.ts';
import { type KubeObject, kubeObject } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

export const notReadyKey = 'node.kubernetes.io/not-ready' as const;

const state = (node: KubeObject): string => {
  const ready = listAt(node, 'status', 'conditions').find((condition) => textAt(condition, 'type') === 'Ready');
  const first = ready === undefined ? 'Unknown' : textAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return at(node, 'spec', 'unschedulable') === true ? `${first},SchedulingDisabled` : first;
};

const unreported = [
  'architecture',
  'bootID',
  'containerRuntimeVersion',
  'kernelVersion',
  'kubeProxyVersion',
  'kubeletVersion',
  'machineID',
  'operatingSystem',
  'osImage',
  'systemUUID',
] as const;

/** A new node is not ready, and says so to the scheduler. */
const asNew = (node: KubeObject): KubeObject => {
  const taints = listAt(node, 'spec', 'taints').filter((taint) => textAt(taint, 'key') !== notReadyKey);
  return kubeObject({
    ...node,
    spec: { ...objectAt(node, 'spec'), taints: [...taints, { key: notReadyKey, effect: 'NoSchedule' }] },
    status: {
      daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
      ...objectAt(node, 'status'),
      nodeInfo: {
        ...Object.fromEntries(unreported.map((field) => [field, ''])),
        ...objectAt(node, 'status', 'nodeInfo'),
      },
    },
  });
};

/** Nodes: a create may bring a status, as kubelets do. */
export const nodes: Resource = builtIn({
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
  statusOnCreate: true,
  model: 'V1Node',
  description: 'A machine that runs pods; here a simulated one.',
  columns: [
    nameColumn,
    column('Status', state),
    ageColumn,
    column('Version', (node) => textAt(node, 'status', 'nodeInfo', 'kubeletVersion')),
  ],
  fields: (node) => ({ 'spec.unschedulable': String(at(node, 'spec', 'unschedulable') === true) }),
  strategy: {
    prepare: (node, old) => (old === undefined ? asNew(node) : kubeObject({ ...node, spec: at(node, 'spec') ?? {} })),
  },
});
