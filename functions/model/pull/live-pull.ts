/** A pull that takes a slot of a node. */
export type LivePull = { readonly job: string; readonly nodeId: string; readonly cacheUid: string };

/** How many pulls of other caches are on each node, by node id; each Job once. */
export function pullsByNode(pulls: readonly LivePull[], butOf: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const jobs = new Map(pulls.flatMap((pull) => (pull.cacheUid === butOf ? [] : [[pull.job, pull.nodeId] as const])));
  for (const nodeId of jobs.values()) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  return counts;
}
