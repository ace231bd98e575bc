import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cluster/run.ts';

const program = join(import.meta.dirname, 'main.ts');
const chaos = (...args: readonly string[]) => run(process.execPath, [program, ...args], { timeout: 280_000 });

// A process of its own: it takes the time, the chance and the network of the process that it runs in.
it('comes to the same end as without chaos, for 30 seeds', { timeout: 300_000 }, async () => {
  const { stdout, stderr, code } = await chaos('--seeds', '30');
  expect({ stdout, stderr, code }).toMatchObject({
    stdout: expect.stringContaining('30 seeds') as string,
    stderr: '',
    code: 0,
  });
});

it('is the same again for the same seed, request by request', { timeout: 120_000 }, async () => {
  const [once, again] = [await chaos('--seed', '8'), await chaos('--seed', '8')];
  const trace = /"trace":"(\w+)"/.exec(once.stdout)?.[1];
  expect(trace).toMatch(/^\w{12}$/);
  expect(again.stdout).toContain(`"trace":"${trace ?? ''}"`);
});
