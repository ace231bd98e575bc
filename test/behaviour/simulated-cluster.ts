import type { Lab } from '../cluster/lab.ts';
import type { ClusterKind, ClusterUnderTest, ImageKind } from './cluster-under-test.ts';
import { eventually } from './eventually.ts';
import type { Kube } from './kube.ts';
import { isNodeReady } from './node-condition.ts';

/** The name of an image selects what simulated kubelets do with it. */
export const simulatedImage = (kind: ImageKind, name: string): string =>
  `registry.example/${kind === 'good' ? '' : `${kind}-`}${name}:1`;

/** Creates a node that KWOK or the simulator runs; resolves when it is Ready. */
export async function addSimulatedNode(
  kube: Kube,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<string> {
  await registerSimulatedNode(kube, name, { labels, taints: [] });
  await eventually(`node ${name} is Ready`, async () => isNodeReady(await kube.get('Node', name)));
  return name;
}

/** Creates a Node, which KWOK or the simulator will make Ready. */
export async function registerSimulatedNode(
  kube: Kube,
  name: string,
  { labels, taints }: { readonly labels: Readonly<Record<string, string>>; readonly taints: readonly object[] },
): Promise<void> {
  const usual = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' };
  await kube.create('Node', name, {
    metadata: { labels: { ...usual, ...labels }, annotations: { 'kwok.x-k8s.io/node': 'fake' } },
    spec: { taints },
  });
}

/** The oldest Kubernetes is from before image volumes. */
const isOldest = process.env['CONTROL_PLANE'] === 'oldest';

export const simulatedKind: ClusterKind = {
  name: 'simulated nodes',
  has: new Set([
    ...(['kubectl', 'simulated nodes', 'slow images', 'parallel pulls'] as const),
    ...(isOldest ? [] : (['image volumes'] as const)),
  ]),
  atOnce: 12,
  nodes: Infinity,
  isStartedAtOnce: false,
};

/** A lab's control plane with simulated nodes. */
export function simulatedCluster(lab: Lab): ClusterUnderTest {
  return {
    kubeconfig: lab.kubeconfig,
    master: '',
    env: {},
    kubectl: lab.kubectl,
    image: async (kind, name) => Promise.resolve(simulatedImage(kind, name)),
    lendNode: async (kube, name, labels) => {
      await leaseGone(kube, name);
      return addSimulatedNode(kube, name, labels);
    },
    returnNode: (kube, name) => kube.remove('Node', name),
    imagesOn: undefined,
  };
}

/** KWOK runs no Pods of a node whose Lease was deleted until it renews it, and the Lease of an earlier Node is deleted late. */
async function leaseGone(kube: Kube, node: string): Promise<void> {
  await eventually(
    `the Lease of an earlier ${node} is gone`,
    async () => (await kube.get('Lease', node)) === undefined,
  );
}
