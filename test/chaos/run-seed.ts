import { runEmbedded } from './embedded.ts';
import { differences, type Ending } from './ending.ts';

export type SeedResult = {
  readonly seed: number;
  readonly profile: string;
  /** How the end differs from that without chaos, after the first tick. */
  readonly wrong: readonly string[];
  /** How many ticks it took after the chaos; more than one where the second helped no more than the first. */
  readonly ticks: number;
  readonly requests: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly trace: string;
};

/** Plays a seed without chaos, then with it, and compares the ends. */
export async function runSeed(seed: number, told?: (line: string) => void): Promise<SeedResult> {
  const calm = await runEmbedded(seed, { isChaotic: false, isEnough: () => true });
  const [expected] = calm.endings;
  const isEnough = (ending: Ending): boolean => differences(expected, ending).length === 0;
  const { profile, endings, record } = await runEmbedded(seed, {
    isChaotic: true,
    isEnough,
    ...(told === undefined ? {} : { told }),
  });
  const [first, second] = endings;
  const isWorse = second !== undefined && !isEnough(second);
  return {
    ...{ seed, profile, requests: record.requests(), faults: record.faults(), trace: record.trace() },
    wrong: [
      ...differences(expected, first),
      ...(expected?.leftOver ?? []).map((left) => `even without chaos is left: ${left}`),
      ...(expected?.beyond ?? []).map((beyond) => `even without chaos: ${beyond}`),
    ],
    ticks: isWorse ? 2 : 1,
  };
}
