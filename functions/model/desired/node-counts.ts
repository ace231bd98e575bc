import { type Ledger, type NodeState, isFailing, stateOf } from '#model/cache/ledger.ts';

/** Numbers of nodes by state. `desired` is all but the skipped ones; `failing` are some of those that pull or wait. */
export type NodeCounts = Readonly<
  Record<'desired' | 'ready' | 'pulling' | 'failing' | 'failed' | 'held' | 'skipped', number>
>;

/** Counts the nodes of a ledger by state. */
export function nodeCounts(nodes: Ledger): NodeCounts {
  const entries = Object.values(nodes);
  const states = entries.map(stateOf);
  const count = (state: NodeState): number => states.filter((other) => other === state).length;
  const skipped = count('Skipped');
  return {
    desired: states.length - skipped,
    ready: count('Ready'),
    pulling: count('Pulling'),
    failing: entries.filter(isFailing).length,
    failed: count('Failed'),
    held: count('Held'),
    skipped,
  };
}

export const noNodesMessage = 'No images were pulled or deleted because nodeSelector specified did not match any nodes';

/** `2 NotReady, 1 Virtual`: how many nodes are skipped, by reason. */
export function skippedByReason(entries: readonly { readonly reason: string }[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of entries) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .toSorted()
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}
