import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { compileCache } from '../../support/compile-cache.ts';
import { startGroup } from '../../support/process-group.ts';

/** What `npm start` runs, in a process of its own, with a folder for temporary files that nobody else writes to. */
export type Command = {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly errors: () => string;
  /** Resolves with exit code and signal when the process has ended, and every process that it began. */
  readonly ended: Promise<unknown[]>;
  /** What is in its folder for temporary files. */
  readonly left: () => Promise<readonly string[]>;
};

/** Starts it with nothing of this process's environment but what it takes to run; it and all that it starts end with the test at the latest. */
export async function startCommand(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Command> {
  return run([process.execPath, 'deploy/standalone/start.mjs', ...args], env);
}

/** The same by way of npm. */
export const npmStart = async (): Promise<Command> => run(['npm', 'start'], { HOME: await temporaryFolder() });

async function run(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Command> {
  const folder = await temporaryFolder();
  const whole = { PATH: process.env['PATH'], TMPDIR: folder, ...compileCache, ...env };
  // npm is killed without its shell and what that runs unless the whole group is.
  const { child, ended, kill } = startGroup(program, args, whole);
  onTestFinished(kill);
  const [output, errors] = [child.stdout, child.stderr].map((stream) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    return () => text;
  });
  return { child, output: output ?? (() => ''), errors: errors ?? (() => ''), ended, left: () => readdir(folder) };
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'start-command-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A port that is taken, on every address, until the test has ended. */
export async function takenPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
