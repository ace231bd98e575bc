import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';
import { firstWorkloadSeed } from './scenario.ts';

const program = join(import.meta.dirname, 'main.ts');
const chaos = (...args: readonly string[]) => run(process.execPath, [program, ...args], { timeout: 280_000 });

// In a separate process, as it replaces the clock, random numbers and network of the process.
const seeds = repetitions(1, 30);

it(`reaches the same end state with and without chaos, for ${seeds} seeds`, { timeout: 300_000 }, async () => {
  const { stdout, stderr, code } = await chaos('--seeds', `${seeds}`);
  expect({ stdout, stderr, code }).toMatchObject({
    stdout: expect.stringContaining(`${seeds} seeds`) as string,
    stderr: '',
    code: 0,
  });
});

const seedsWithWorkloads = repetitions(1, 30);

it(
  `reaches it with workloads that come, change and go, for ${seedsWithWorkloads} seeds`,
  { timeout: 300_000 },
  async () => {
    const { stdout, stderr, code } = await chaos('--from', `${firstWorkloadSeed}`, '--seeds', `${seedsWithWorkloads}`);
    expect({ stdout, stderr, code }).toMatchObject({
      stdout: expect.stringContaining(`${seedsWithWorkloads} seeds`) as string,
      stderr: '',
      code: 0,
    });
  },
);

it('makes the same requests in the same order when a seed is repeated', { timeout: 120_000 }, async () => {
  const [once, again] = await Promise.all([chaos('--seed', '8'), chaos('--seed', '8')]);
  const trace = /"trace":"(\w+)"/.exec(once.stdout)?.[1];
  expect(trace).toMatch(/^\w{12}$/);
  expect(again.stdout).toContain(`"trace":"${trace ?? ''}"`);
});
