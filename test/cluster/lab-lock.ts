import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';

/** The holder in the lock file of a lab, so that others can report whom they wait for, and clean up after one that was killed. */
export type Holder = { readonly pid: number; readonly folder: string; readonly since: string };

export type LabLock = {
  /** The previous holder, if it did not release the lock: it was killed, and its lab may still be running. */
  readonly previous: Holder | undefined;
  readonly release: () => Promise<void>;
};

const isHolder = (value: unknown): value is Holder =>
  typeof value === 'object' && value !== null && 'pid' in value && 'folder' in value && 'since' in value;

const readHolder = (path: string): Holder | undefined => {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const refuseOwn = (holder: Holder | undefined): void => {
  if (holder === undefined || (holder.pid !== process.pid && holder.pid !== process.ppid)) return;
  throw new Error(
    `this run already has a lab, in ${holder.folder}: use it (sharedLab() in a test; renew() empties it)`,
  );
};

const tellWhomWeWaitFor = (path: string): NodeJS.Timeout =>
  setTimeout(() => {
    const holder = readHolder(path);
    const who =
      holder === undefined ? 'another run' : `process ${holder.pid}, in ${holder.folder} since ${holder.since}`;
    console.error(`lab: waiting for the lab of ${who} to stop (lock ${path})`);
  }, 10_000);

/** The lock is held by flock in a child process that ends with us, so that it is never stale. */
const hold = async (path: string, timeout: number): Promise<ChildProcessWithoutNullStreams> => {
  const child = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat >/dev/null'], { stdio: 'pipe' });
  const teller = tellWhomWeWaitFor(path);
  try {
    await once(child, 'spawn');
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(timeout) });
  } catch (cause) {
    child.kill();
    throw new Error(`no lab: its lock ${path} was not to be had within ${timeout / 1000} s (flock is in util-linux)`, {
      cause,
    });
  } finally {
    clearTimeout(teller);
  }
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  return child;
};

/** Takes the lock at `path` for a lab in `folder`: one lab at a time, as its ports are fixed. Logs after 10 s whom it waits for; fails after `timeout` ms. */
export const takeLabLock = async (path: string, folder: string, timeout: number): Promise<LabLock> => {
  refuseOwn(readHolder(path));
  const child = await hold(path, timeout);
  const previous = readHolder(path);
  writeFileSync(path, JSON.stringify({ pid: process.pid, folder, since: new Date().toISOString() } satisfies Holder));
  const ended = once(child, 'exit');
  const release = async () => {
    if (child.exitCode !== null) return;
    writeFileSync(path, '');
    child.ref();
    child.stdin.end();
    await ended;
  };
  return { previous, release };
};
