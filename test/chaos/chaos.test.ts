import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, type Result } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';
import { firstWorkloadSeed } from './scenario.ts';

const program = join(import.meta.dirname, 'main.ts');
// In a separate process, as it replaces the clock, random numbers and network of the process.
const chaos = (...args: readonly string[]) => run(process.execPath, [program, ...args], { timeout: 280_000 });

/** A seed of each way in which the product runs; the last has workloads. */
const few = [1, 8, firstWorkloadSeed];
/** In one process, as starting one takes as long as a seed; the repeated one comes after others, which must not change it. */
let playing: Promise<Result> | undefined;
const fewSeeds = (): Promise<Result> => (playing ??= chaos(...[...few, 8].flatMap((seed) => ['--seed', `${seed}`])));

const succeeded = (seeds: number) => ({
  stdout: expect.stringContaining(`${seeds} seeds`) as string,
  stderr: '',
  code: 0,
});

it(`reaches the same end state with and without chaos, for ${few.length} seeds`, { timeout: 300_000 }, async () => {
  expect(await fewSeeds()).toMatchObject(succeeded(few.length + 1));
});

const tracesOf8 = ({ stdout }: Result) =>
  [...stdout.matchAll(/^\{"seed":8,.*"trace":"(\w+)"/gm)].map(([, trace]) => trace);

it('makes the same requests in the same order when a seed is repeated', { timeout: 300_000 }, async () => {
  const traces = tracesOf8(await fewSeeds());
  expect(traces).toEqual([expect.stringMatching(/^\w{12}$/), traces[0]]);
});

const many = repetitions(0, 30);

// At full strength only.
if (many > 0) {
  it('makes the same requests in another process, too', { timeout: 300_000 }, async () => {
    const [trace] = tracesOf8(await fewSeeds());
    expect(tracesOf8(await chaos('--seed', '8'))).toEqual([trace]);
  });

  it.each([
    ['', 1],
    [' with workloads that come, change and go', firstWorkloadSeed],
  ])(`reaches it%s, for ${many} seeds`, { timeout: 300_000 }, async (_, from) => {
    expect(await chaos('--from', `${from}`, '--seeds', `${many}`)).toMatchObject(succeeded(many));
  });
}
