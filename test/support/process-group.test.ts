import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startGroup } from './process-group.ts';

/** A shell like that of npm: it prints the process ID of its child, and waits for it. */
const shell = ['sh', '-c', 'sleep 60 & echo $!; wait'] as const;

/** Whether a process runs; one that has ended may stay as a zombie until its parent has noticed. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tZ');
  return !/^State:\tZ/m.test(status);
}

it('kills what the program has started, too', async () => {
  const [program, ...args] = shell;
  const { child, kill } = startGroup(program, args, process.env);
  const [printed] = (await once(child.stdout, 'data')) as [Buffer];
  expect(await isRunning(Number(printed))).toBe(true);
  await kill();
  expect(await isRunning(Number(printed))).toBe(false);
  expect(child.signalCode).toBe('SIGKILL');
});

it('kills all of them when the process that started them is killed', async () => {
  const starting = `
    const { startGroup } = await import('./test/support/process-group.ts');
    const [program, ...args] = ${JSON.stringify(shell)};
    startGroup(program, args, process.env).child.stdout.pipe(process.stdout);
  `;
  const worker = spawn(process.execPath, ['--input-type=module', '-e', starting]);
  onTestFinished(() => void worker.kill('SIGKILL'));
  const [printed] = (await once(worker.stdout, 'data')) as [Buffer];
  expect(await isRunning(Number(printed))).toBe(true);
  worker.kill('SIGKILL');
  await vi.waitFor(async () => expect(await isRunning(Number(printed))).toBe(false), { timeout: 10_000 });
});
