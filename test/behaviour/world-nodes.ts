import { expect } from 'vitest';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import type { Kube, Manifest } from './kube.ts';
import { reportCondition } from './node-condition.ts';
import { registerSimulatedNode } from './simulated-cluster.ts';

/** The nodes of one scenario, which caches of other scenarios do not select. */
export type WorldNodes = {
  /** The label by which caches of the scenario select its nodes. */
  readonly pool: Readonly<Record<string, string>>;
  /** That label and these labels, prefixed for the scenario, as another scenario may use the same label on the same node. */
  readonly labelled: (labels: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
  /** Adds nodes and resolves with their names when they are Ready. */
  readonly add: (count: number, labels?: Readonly<Record<string, string>>) => Promise<readonly string[]>;
  readonly addOne: (labels?: Readonly<Record<string, string>>) => Promise<string>;
  /** Registers a simulated node with these taints; resolves before it is Ready. */
  readonly join: (taints: readonly object[]) => Promise<string>;
  readonly remove: (name: string) => Promise<void>;
  /** Deletes a node and creates another machine of the same name. */
  readonly recreate: (name: string) => Promise<void>;
  /** Sets labels; null removes one. */
  readonly label: (name: string, labels: Readonly<Record<string, string | null>>) => Promise<void>;
  /** The same with labels that are not prefixed for the scenario. */
  readonly mark: (name: string, labels: Readonly<Record<string, string | null>>) => Promise<void>;
  readonly cordon: (name: string, unschedulable: boolean) => Promise<void>;
  readonly taint: (name: string, taints: readonly object[]) => Promise<void>;
  /** Sets a condition as the kubelet would. */
  readonly report: (name: string, condition: 'Ready' | 'DiskPressure', status: 'True' | 'False') => Promise<void>;
  readonly reportVersion: (name: string, kubeletVersion: string) => Promise<void>;
  /** Releases all nodes. */
  readonly end: () => Promise<void>;
};

/** The nodes of the scenario in this namespace. */
export function worldNodes(cluster: ClusterUnderTest, kube: Kube, namespace: string): WorldNodes {
  const own = <T>(labels: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(labels).map(([name, value]) => [`${namespace}/${name}`, value]));
  const pool = own({ pool: 'own' });
  const labelled: WorldNodes['labelled'] = (labels) => ({ ...pool, ...own(labels) });
  const lent = new Set<string>();
  let count = 0;

  const addOne = async (labels: Readonly<Record<string, string>> = {}): Promise<string> => {
    count += 1;
    const name = await cluster.lendNode(kube, `${namespace}-${count}`, labelled(labels));
    lent.add(name);
    return name;
  };
  const remove = async (name: string): Promise<void> => {
    lent.delete(name);
    await cluster.returnNode(kube, name);
  };
  const patch = async (name: string, body: Manifest): Promise<void> => {
    await kube.patch('Node', name, body);
  };
  const report: WorldNodes['report'] = (name, type, status) => reportCondition(kube, name, { type, status });
  return {
    pool,
    labelled,
    addOne,
    add: (many, labels) => Promise.all(Array.from({ length: many }, async () => addOne(labels))),
    join: async (taints) => {
      count += 1;
      const name = `${namespace}-${count}`;
      await registerSimulatedNode(kube, name, { labels: pool, taints });
      lent.add(name);
      return name;
    },
    remove,
    recreate: async (name) => {
      await remove(name);
      expect(await cluster.lendNode(kube, name, pool)).toBe(name);
      lent.add(name);
    },
    label: (name, labels) => patch(name, { metadata: { labels: own(labels) } }),
    mark: (name, labels) => patch(name, { metadata: { labels } }),
    cordon: (name, unschedulable) => patch(name, { spec: { unschedulable } }),
    taint: (name, taints) => patch(name, { spec: { taints } }),
    report,
    reportVersion: async (name, kubeletVersion) => {
      await kube.patchStatus('Node', name, { nodeInfo: { kubeletVersion } });
    },
    end: async () => {
      await Promise.all([...lent].map(remove));
    },
  };
}
