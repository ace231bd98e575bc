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
