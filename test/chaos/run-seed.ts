import { runOnSimulator } from './run-on-simulator.ts';
import { differences, type EndState } from './end-state.ts';

export type SeedResult = {
  readonly seed: number;
  readonly profile: string;
  /** The differences from the end state without chaos. */
  readonly wrong: readonly string[];
  /** Whether a second tick was needed that should not have been. */
  readonly isLate: boolean;
  readonly requests: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly trace: string;
};

/** Plays a seed without chaos, then with it, and compares the end states. */
export async function runSeed(seed: number, log?: (line: string) => void): Promise<SeedResult> {
  const baseline = await runOnSimulator(seed, { isChaotic: false, isEnough: () => true });
  const expected = baseline.endStates.at(-1);
  const isEnough = (endState: EndState): boolean => differences(expected, endState).length === 0;
  const chaotic = await runOnSimulator(seed, { isChaotic: true, isEnough, ...(log === undefined ? {} : { log }) });
  const { profile, record, endStates, isPaced } = chaotic;
  const wrong = differences(expected, isPaced ? endStates.at(-1) : endStates[0]);
  return {
    ...{ seed, profile, requests: record.requests(), faults: record.faults(), trace: record.trace() },
    wrong: [
      ...wrong,
      ...(expected?.leftOver ?? []).map((left) => `even without chaos is left: ${left}`),
      ...(expected?.beyond ?? []).map((beyond) => `even without chaos: ${beyond}`),
    ],
    isLate: wrong.length > 0 && endStates.length > 1 && !isPaced && endStates.slice(-1).every(isEnough),
  };
}
