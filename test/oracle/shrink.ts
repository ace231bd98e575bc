import fc from 'fast-check';
import type { History } from './history.ts';

/** A history without the steps and nodes that are not needed for it to fail. */
export async function shrink(history: History, fails: (shorter: History) => Promise<boolean>): Promise<History> {
  const someOf = <T>(all: readonly T[], minLength: number): fc.Arbitrary<T[]> =>
    fc.array(fc.noShrink(fc.constantFrom(...all)), { minLength, maxLength: all.length });
  const holds = fc.asyncProperty(
    someOf(history.steps, 0),
    someOf(history.nodes, 1),
    async (steps, nodes) => !(await fails({ ...history, steps, nodes })),
  );
  const whole: [History['steps'][number][], History['nodes'][number][]] = [[...history.steps], [...history.nodes]];
  const [steps, nodes] = (await fc.check(holds, { numRuns: 1, examples: [whole] })).counterexample ?? whole;
  return { ...history, steps, nodes };
}
