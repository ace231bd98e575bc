import { nodeId } from '#model/node/node.ts';
import { type ApiClient, objectAt, textAt } from '@imagecache-functions/simulator/testing';

/** Nodes and caches as kubelets and functions leave them, stored in a simulator where no functions run. */

const send = async (ask: ApiClient, method: 'POST' | 'PUT', path: string, body: object): Promise<unknown> => {
  const answer = await ask({ method, path, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};

type SeededNode = {
  readonly images: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly object[];
};

/** Creates a Node that lists these images and one of its own; returns its id in ledgers. */
export async function seedNode(ask: ApiClient, name: string, { images, labels = {}, taints = [] }: SeededNode) {
  const info = { machineID: `machine-${name}`, systemUUID: `system-${name}` };
  const node = await send(ask, 'POST', '/api/v1/nodes', {
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { taints } },
    status: {
      // The simulator's kubelet reports these a moment later.
      nodeInfo: {
        ...info,
        ...{ operatingSystem: 'linux', kubeletVersion: 'v1.36.3', containerRuntimeVersion: 'containerd://2.2.9' },
      },
      conditions: [{ type: 'Ready', status: 'True' }],
      images: [...images, 'registry.k8s.io/pause:3.10'].map((image) => ({ names: [image], sizeBytes: 1 })),
    },
  });
  return nodeId(textAt(node, 'metadata', 'uid'), info.machineID, info.systemUUID);
}

export const seedNamespace = async (ask: ApiClient, name: string): Promise<unknown> =>
  send(ask, 'POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

type SeededCache = {
  readonly spec: object;
  /** Entries by node; `w` is the hash of the first list. */
  readonly nodes: Readonly<Record<string, object>>;
  readonly images: readonly object[];
  readonly failures?: object;
};

/** Creates a cache whose last round has ended long ago. */
export async function seedCache(
  ask: ApiClient,
  reference: string,
  { spec, nodes, images, failures = {} }: SeededCache,
) {
  const [namespace = '', name = ''] = reference.split('/');
  const path = `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;
  const cache = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: { name }, spec };
  const created = await send(ask, 'POST', path, cache);
  const entries = Object.entries(nodes).map(([node, entry]): readonly [string, object] => [
    node,
    { desiredHash: 'w', attempt: 1, state: 'Ready', noop: 'p', ...entry },
  ]);
  await send(ask, 'PUT', `${path}/${name}/status`, {
    ...cache,
    metadata: objectAt(created, 'metadata'),
    status: {
      format: 1,
      status: Object.keys(failures).length > 0 ? 'Failed' : 'Succeeded',
      reason: 'ImageCacheCreate',
      ...{ startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:01:00Z', observedGeneration: 1, failures },
      desired: { w: [0] },
      images: images.map((image) => ({ ready: 1, failed: 0, ...image })),
      nodes: Object.fromEntries(entries),
    },
  });
}
