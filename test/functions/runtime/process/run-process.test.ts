import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { nodeOptions } from '../../../../deploy/tools/images/functions-container.ts';

const program = join(import.meta.dirname, '../../../../functions/runtime/process/run-process.ts');

/** Keeps 60 MB, makes as much again in garbage many times over, and tells the most that was in the heap, in MB. */
const work = `
const kept = Array.from({ length: 1_200_000 }, (_, at) => ({ at, text: 'kept ' + at }));
let most = 0;
for (let turn = 0; turn < 60; turn += 1) {
  for (let at = 0; at < 20_000; at += 1) kept[(turn * 20_000 + at) % kept.length] = { at, text: 'new ' + at };
  most = Math.max(most, process.memoryUsage().heapUsed);
}
console.log(most / 1e6);`;

const peak = async (before: string): Promise<number> => {
  const node = promisify(execFile)(process.execPath, [
    ...nodeOptions.split(' '),
    '--input-type=module',
    '--eval',
    `${before}${work}`,
  ]);
  return Number((await node).stdout);
};

it("keeps the heap's peak closer to the live heap than V8's default", async () => {
  const [small, usual] = [
    await peak(`import { keepHeapSmall } from ${JSON.stringify(program)}; keepHeapSmall();`),
    await peak(''),
  ];
  expect(small).toBeGreaterThan(0);
  expect(small).toBeLessThan(0.9 * usual);
});
