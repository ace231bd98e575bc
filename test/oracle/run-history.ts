import { seededRandom } from '../chaos/seeded-random.ts';
import type { Cluster } from './clusters.ts';
import { drawHistory } from './draw-history.ts';
import { describeHistory, type History } from './history.ts';
import { violations } from './rules.ts';

export type Result = {
  readonly history: History;
  readonly violations: readonly string[];
  readonly writes: number;
  /** Steps that the cluster accepted. */
  readonly steps: number;
};

type Log = (line: string) => void;

/** Plays the history of a seed. */
export const runSeed = (seed: number, cluster: Cluster, log?: Log): Promise<Result> =>
  runHistory(drawHistory(seed, seededRandom(seed, 'history'), cluster.traits), cluster, log);

/** Plays a history and compares its end with the truth. */
export async function runHistory(history: History, cluster: Cluster, log?: Log): Promise<Result> {
  try {
    const ending = await cluster.play(history, log);
    const { record, writes } = ending;
    return { history, violations: violations(ending), writes, steps: record.steps };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { history, violations: [`could not be played: ${text}`], writes: 0, steps: 0 };
  }
}

/** Plays the histories of seeds, as many at once as the cluster can, and stops it. */
export async function runSeeds(
  seeds: readonly number[],
  cluster: Cluster,
  onResult: (result: Result) => void,
  log?: Log,
): Promise<void> {
  const left = [...seeds];
  const playNext = async (): Promise<void> => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) onResult(await runSeed(seed, cluster, log));
  };
  await Promise.all(Array.from({ length: cluster.atOnce }, playNext)).finally(cluster.stop);
}

/** The failing histories of these seeds with their steps and violations. */
export async function failingHistories(seeds: readonly number[], cluster: Cluster): Promise<readonly string[]> {
  const results: Result[] = [];
  await runSeeds(seeds, cluster, (result) => void results.push(result));
  return results
    .filter((result) => result.violations.length > 0)
    .map(({ history, violations }) =>
      [`seed ${history.seed ?? 0}`, ...describeHistory(history), ...violations].join('\n'),
    );
}
