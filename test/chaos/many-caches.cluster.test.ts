import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';
import { firstCrowdedSeed } from './scenario.ts';

const program = join(import.meta.dirname, 'main.ts');
const seeds = repetitions(1, 10);

/** Milliseconds. It needs no cluster, but a minute of a processor, which in CI two more labs use: there it took up to 260 s. */
const timeout = 900_000;

// 20 caches that share nodes and images, at the limit of pull Pods on a node.
it(`reaches the same end state with many caches, for ${seeds} seeds`, { timeout }, async () => {
  const args = [program, '--from', `${firstCrowdedSeed}`, '--seeds', `${seeds}`];
  const { stdout, stderr, code } = await run(process.execPath, args, { timeout });
  expect({ stdout, stderr, code }).toMatchObject({
    stdout: expect.stringContaining(`${seeds} seeds`) as string,
    stderr: '',
    code: 0,
  });
});
