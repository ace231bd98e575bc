/** A pull Job whose Pod takes a slot of a node. */
export type LivePull = {
  readonly namespace: string;
  readonly job: string;
  readonly nodeId: string;
  readonly cacheUid: string;
};

/** How many pull Pods of other caches are on a node, by namespace. */
export type NodePulls = ReadonlyMap<string, number>;

/** How many they are over all namespaces. */
export const podsBeside = (pulls: NodePulls | undefined): number =>
  [...(pulls?.values() ?? [])].reduce((total, count) => total + count, 0);

/** The pulls of other caches on each node, by node id; each Job once. */
export function pullsByNode(pulls: readonly LivePull[], butOf: string): ReadonlyMap<string, NodePulls> {
  const jobs = new Map(pulls.map((pull) => [`${pull.namespace}/${pull.job}`, pull]));
  const nodes = new Map<string, Map<string, number>>();
  for (const { namespace, nodeId, cacheUid } of jobs.values()) {
    if (cacheUid === butOf) continue;
    const node = nodes.get(nodeId) ?? new Map<string, number>();
    node.set(namespace, (node.get(namespace) ?? 0) + 1);
    nodes.set(nodeId, node);
  }
  return nodes;
}
