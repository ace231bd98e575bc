import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, type Result } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';
import { firstWorkloadSeed } from './scenario.ts';

const program = join(import.meta.dirname, 'main.ts');
// In a separate process, as it replaces the clock, random numbers and network of the process.
const chaos = (...args: readonly string[]) => run(process.execPath, [program, ...args], { timeout: 280_000 });

/** A seed of each way in which the product runs; the last has workloads. In one process, as starting one takes as long as a seed. */
const few = [1, 8, firstWorkloadSeed];
let playing: Promise<Result> | undefined;
const fewSeeds = (): Promise<Result> => (playing ??= chaos(...few.flatMap((seed) => ['--seed', `${seed}`])));

const succeeded = (seeds: number) => ({
  stdout: expect.stringContaining(`${seeds} seeds`) as string,
  stderr: '',
  code: 0,
});

it(`reaches the same end state with and without chaos, for ${few.length} seeds`, { timeout: 300_000 }, async () => {
  expect(await fewSeeds()).toMatchObject(succeeded(few.length));
});

it('makes the same requests in the same order when a seed is repeated', { timeout: 300_000 }, async () => {
  const [once, again] = await Promise.all([fewSeeds(), chaos('--seed', '8')]);
  const traceIn = ({ stdout }: Result) => /^\{"seed":8,.*"trace":"(\w+)"/m.exec(stdout)?.[1];
  expect(traceIn(once)).toMatch(/^\w{12}$/);
  expect(traceIn(again)).toBe(traceIn(once));
});

const many = repetitions(0, 30);

// At full strength only; each needs minutes.
if (many > 0)
  it.each([
    ['', 1],
    [' with workloads that come, change and go', firstWorkloadSeed],
  ])(`reaches it%s, for ${many} seeds`, { timeout: 300_000 }, async (_, from) => {
    expect(await chaos('--from', `${from}`, '--seeds', `${many}`)).toMatchObject(succeeded(many));
  });
