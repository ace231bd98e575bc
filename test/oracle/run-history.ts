import { seededRandom } from '../chaos/seeded-random.ts';
import type { Cluster } from './clusters.ts';
import { drawHistory } from './draw-history.ts';
import type { History } from './history.ts';
import { violations } from './rules.ts';

export type Result = {
  readonly history: History;
  readonly violations: readonly string[];
  readonly writes: number;
  /** Steps that the cluster accepted. */
  readonly steps: number;
};

export const historyOf = (seed: number, { traits }: Cluster): History =>
  drawHistory(seed, seededRandom(seed, 'history'), traits);

/** Plays a history and compares its end with the truth. */
export async function runHistory(history: History, cluster: Cluster, log?: (line: string) => void): Promise<Result> {
  try {
    const ending = await cluster.play(history, log);
    const { record, writes } = ending;
    return { history, violations: violations(ending), writes, steps: record.steps };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { history, violations: [`could not be played: ${text}`], writes: 0, steps: 0 };
  }
}
