import { boundTable } from '#runtime/bounds.ts';

/** How many deliveries one namespace may have in flight. */
export type NamespaceSlots = {
  readonly count: () => number;
  /** Records how many milliseconds a delivery took. */
  readonly record: (ms: number) => void;
};

/** A delivery that takes at least this many milliseconds waited for an overloaded API server. */
const slow = 500;

/** How much each fast delivery adds. */
const step = 1 / 4;

/**
 * Each slow delivery halves the count, some fast ones add one: the requests of a namespace that keep the API server busy make
 * the requests of all others wait there, and fewer deliveries at once merge more changes into each.
 */
export function createNamespaceSlots(): NamespaceSlots {
  const [least, most] = [boundTable.slow_deliveries_of_namespace.limit, boundTable.deliveries_of_namespace.limit];
  let count: number = least;
  return {
    count: () => Math.floor(count),
    record: (ms) => {
      count = ms >= slow ? Math.max(least, count / 2) : Math.min(most, count + step);
    },
  };
}
