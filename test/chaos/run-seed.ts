import { runEmbedded } from './embedded.ts';
import { differences, type Ending } from './ending.ts';

export type SeedResult = {
  readonly seed: number;
  readonly profile: string;
  /** How the end differs from that without chaos. */
  readonly wrong: readonly string[];
  /** Whether a second tick put it right, which was not due. */
  readonly isLate: boolean;
  readonly requests: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly trace: string;
};

/** Plays a seed without chaos, then with it, and compares the ends. */
export async function runSeed(seed: number, told?: (line: string) => void): Promise<SeedResult> {
  const calm = await runEmbedded(seed, { isChaotic: false, isEnough: () => true });
  const expected = calm.endings.at(-1);
  const isEnough = (ending: Ending): boolean => differences(expected, ending).length === 0;
  const stormy = await runEmbedded(seed, { isChaotic: true, isEnough, ...(told === undefined ? {} : { told }) });
  const { profile, record, endings, isPaced } = stormy;
  const wrong = differences(expected, isPaced ? endings.at(-1) : endings[0]);
  return {
    ...{ seed, profile, requests: record.requests(), faults: record.faults(), trace: record.trace() },
    wrong: [
      ...wrong,
      ...(expected?.leftOver ?? []).map((left) => `even without chaos is left: ${left}`),
      ...(expected?.beyond ?? []).map((beyond) => `even without chaos: ${beyond}`),
    ],
    isLate: wrong.length > 0 && endings.length > 1 && !isPaced && endings.slice(-1).every(isEnough),
  };
}
