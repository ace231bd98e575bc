import type { World } from '#model/world.ts';

/**
 * Names of nodes whose state is known: all that were read and, if all Nodes were listed, those in the ledger that no
 * longer exist.
 */
export const observedNodes = ({ observed }: World, ledger: Readonly<Record<string, unknown>>): ReadonlySet<string> =>
  new Set([...(observed.hasAllNodes ? Object.keys(ledger) : []), ...observed.nodes.keys()]);
