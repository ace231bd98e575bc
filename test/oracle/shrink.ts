import type { History } from './history.ts';

/** A history without every step, and every node, that is not needed for it to fail; greedy, the last ones first. */
export async function shrink(history: History, fails: (shorter: History) => Promise<boolean>): Promise<History> {
  let shortest = history;
  for (let isShorter = true; isShorter;) {
    isShorter = false;
    for (const shorter of candidates(shortest)) {
      if (!(await fails(shorter))) continue;
      shortest = shorter;
      isShorter = true;
      break;
    }
  }
  return shortest;
}

/** The history without its second half, without one step, or without one node. */
function candidates(history: History): readonly History[] {
  const { nodes, steps } = history;
  const without = (from: number, to: number): History => ({
    ...history,
    steps: steps.filter((_, index) => index < from || index >= to),
  });
  const half = Math.floor(steps.length / 2);
  return [
    ...(half > 1 ? [without(half, steps.length), without(0, half)] : []),
    ...steps.map((_, index) => without(steps.length - 1 - index, steps.length - index)),
    ...(nodes.length > 1 ? nodes.map((node) => ({ ...history, nodes: nodes.filter((each) => each !== node) })) : []),
  ];
}
