import type { Ledger, NodeState } from '#model/cache/ledger.ts';

/** Numbers of nodes by state. `desired` is all but the skipped ones. */
export type NodeCounts = Readonly<Record<'desired' | 'ready' | 'pulling' | 'failed' | 'skipped', number>>;

/** Counts the nodes of a ledger by state. */
export function nodeCounts(nodes: Ledger): NodeCounts {
  const states = Object.values(nodes).map(({ state }) => state);
  const count = (state: NodeState): number => states.filter((other) => other === state).length;
  const skipped = count('Skipped');
  return {
    desired: states.length - skipped,
    ready: count('Ready'),
    pulling: count('Pulling'),
    failed: count('Failed'),
    skipped,
  };
}
