import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { compileCache } from '../support/compile-cache.ts';
import { productProgram } from '../support/product-programs.ts';
import { startGroup } from '../support/process-group.ts';

/** A program of the product in a process of its own, which ends with this one at the latest. */
export type ProductProcess = {
  readonly port: number;
  readonly pid: number;
  /** Bytes of memory that it has now, of which the kernel can take none back. */
  readonly memory: () => Promise<number>;
  readonly log: () => string;
  /** Why it ended; undefined while it runs. */
  readonly ended: () => string | undefined;
  /** Resolves when it has ended. */
  readonly closed: Promise<unknown>;
  readonly stop: () => Promise<void>;
};

type Start = {
  /** By default the one that runs everything in one process. */
  readonly program?: 'standalone' | 'functions';
  readonly kubeconfig: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it by another program, as in a cgroup. */
  readonly by?: readonly string[];
};

/** Starts it as in its image on a free port, and resolves when it listens. */
export async function startProduct({ program, kubeconfig, env = {}, by = [] }: Start): Promise<ProductProcess> {
  const args = [await productProgram(program), `--kubeconfig=${kubeconfig}`];
  const [command = process.execPath, ...rest] = by;
  const all = by.length === 0 ? args : [...rest, process.execPath, ...args];
  const whole = { PATH: process.env['PATH'], PORT: '0', ...compileCache, ...env };
  const { child, ended: closed, kill } = startGroup(command, all, whole);
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const pid = child.pid ?? 0;
  const port = await portOf(child, () => log);
  return {
    port,
    pid,
    memory: async () => Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
    log: () => log,
    closed,
    ended: () => (isRunning(child) ? undefined : `${child.exitCode ?? child.signalCode}`),
    stop: kill,
  };
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

async function portOf(child: ChildProcess, log: () => string): Promise<number> {
  for (;;) {
    const port = /"port":(\d+)[^\n]*"msg":"(?:started|listening)"/.exec(log())?.[1];
    if (port !== undefined) return Number(port);
    if (!isRunning(child)) throw new Error(`the program ended: ${log()}`);
    await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'exit')]);
  }
}
