import { expect, it, onTestFinished, vi } from 'vitest';
import { helpText } from '#runtime/config/config.ts';
import { runConfigured } from '../../../functions/runtime/prepare-process.ts';

/** What a program prints when it is run with these arguments. */
async function printedBy(flags: readonly string[], start = () => Promise.reject(new Error('it started'))) {
  const { argv, exitCode } = process;
  let printed = '';
  const print = (text: string | Uint8Array): boolean => {
    printed += String(text);
    return true;
  };
  const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(print));
  onTestFinished(() => {
    for (const stream of streams) stream.mockRestore();
    Object.assign(process, { argv, exitCode });
  });
  process.argv = ['node', 'main.ts', ...flags];
  await runConfigured(start).finally(() => streams.forEach((stream) => stream.mockRestore()));
  return { printed, code: process.exitCode };
}

it('prints the help and does not start', async () => {
  expect(await printedBy(['--help'])).toEqual({ printed: helpText(), code: undefined });
});

it('reports an invalid setting without a stack, and does not start', async () => {
  const printed = '--port is "x", expected a whole number from 0 to 65535\n';
  expect(await printedBy(['--port=x'])).toEqual({ printed, code: 1 });
});
