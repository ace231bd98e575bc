import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program, and every process that it has started since. */
export type ProcessGroup = {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves with exit code and signal of the program when all of them have ended. */
  readonly ended: Promise<unknown[]>;
  /** Kills all of them, and resolves when they have ended. */
  readonly kill: () => Promise<void>;
};

/** Kills a process group when its input ends. */
const watcher = 'read -r _; kill -s KILL -- "-$1"';

/** Starts a program in a process group of its own, which ends with this process at the latest, even if this one is killed. */
export function startGroup(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ProcessGroup {
  const child = spawn(program, args, { env, detached: true });
  // 'close' comes when no process has the output open any more.
  const ended = once(child, 'close');
  const watching = spawn('sh', ['-c', watcher, 'sh', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watching.stdin.on('error', () => undefined); // it may have been killed
  // Another group may get the number of one that has ended.
  const leave = (): void => void watching.kill('SIGKILL');
  ended.then(leave, leave);
  const kill = async (): Promise<void> => {
    watching.stdin.end();
    await ended;
  };
  return { child, ended, kill };
}
