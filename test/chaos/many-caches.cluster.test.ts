import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';
import { firstCrowdedSeed } from './scenario.ts';

const program = join(import.meta.dirname, 'main.ts');
const seeds = repetitions(1, 10);

// 20 caches that share nodes and images, at the limit of pull Pods on a node. It needs no cluster, but half a minute of a processor.
it(`reaches the same end state with many caches, for ${seeds} seeds`, { timeout: 300_000 }, async () => {
  const args = [program, '--from', `${firstCrowdedSeed}`, '--seeds', `${seeds}`];
  const { stdout, stderr, code } = await run(process.execPath, args, { timeout: 280_000 });
  expect({ stdout, stderr, code }).toMatchObject({
    stdout: expect.stringContaining(`${seeds} seeds`) as string,
    stderr: '',
    code: 0,
  });
});
