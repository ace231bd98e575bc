import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';

const program = join(import.meta.dirname, 'main.ts');
const oracle = (...args: readonly string[]) => run(process.execPath, [program, ...args], { timeout: 1_700_000 });

// In separate processes, as it replaces the clock, random numbers and network of the process.
const histories = repetitions(2, 300);
/** One for a few, as starting it takes as long as playing one. */
const processes = repetitions(1, availableParallelism());

it(`ends as the rules say, for ${histories} random histories`, { timeout: 1_800_000 }, async () => {
  const { stdout, stderr, code } = await oracle(
    ...['--seed', '1', '--histories', `${histories}`, '--processes', `${processes}`],
  );
  expect({ stdout, stderr, code }).toMatchObject({
    stdout: expect.stringContaining(`${histories} histories on embedded`) as string,
    stderr: '',
    code: 0,
  });
});

it('plays a printed history again', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-oracle-'));
  const file = join(folder, 'history.json');
  const steps = [
    { type: 'create', cache: 'web', spec: { lists: [{ images: ['a'] }] }, after: 0 },
    { type: 'purge', cache: 'web', by: 'token', after: 'settled' },
  ];
  await writeFile(file, JSON.stringify({ seed: 1, nodes: [{ name: 'n1', zone: 'a' }], steps }));
  const { stdout } = await oracle('--replay', file).finally(() => rm(folder, { recursive: true }));
  expect(stdout).toMatch(/^1 histories on embedded, 2 steps, \d+ writes, \d+ s: no violation$/m);
});
