import type { Cluster } from './clusters.ts';
import { describeHistory } from './history.ts';
import { historyOf, runHistory } from './run-history.ts';

/** Plays histories, as many at once as the cluster can, and returns the failing ones with their steps and violations. */
export async function playSome(seeds: readonly number[], cluster: Cluster): Promise<readonly string[]> {
  const left = [...seeds];
  const failing: string[] = [];
  const playNext = async (): Promise<void> => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      const { history, violations } = await runHistory(historyOf(seed, cluster), cluster);
      if (violations.length > 0) failing.push([`seed ${seed}`, ...describeHistory(history), ...violations].join('\n'));
    }
  };
  await Promise.all(Array.from({ length: cluster.atOnce }, playNext)).finally(cluster.stop);
  return failing;
}
