/** How much may be pulled from a registry now. */
export type Gate = {
  /** How many more nodes may pull from it, and how many images. */
  nodes: number;
  pulls: number;
  /** The most that the namespace may use; a node that needs more begins if it has used nothing. */
  readonly share: number;
  isUnused: boolean;
  /** Until when the others wait. */
  readonly until: number;
};

/** A gate without limits. */
export const openGate: Gate = { nodes: Infinity, pulls: Infinity, share: Infinity, isUnused: true, until: 0 };
