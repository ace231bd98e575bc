import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { eventHeaders } from '../../deploy/tools/images/compile-cache.ts';

export type Program = {
  readonly node: string;
  readonly cwd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** Milliseconds from the start to the first event answered, milliseconds of processor for it in all threads, MB held after it. */
export type StartCost = { readonly wall: number; readonly cpu: number; readonly rss: number };

/** Starts a function, sends it one event, and stops it. Throws if it does not answer 204 in 60 s. */
export async function startedOnce({ node, cwd, args, env }: Program): Promise<StartCost> {
  const begun = performance.now();
  const child = spawn(node, args, { cwd, env: { ...env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const ended = once(child, 'exit');
  const { promise: port, resolve, reject } = Promise.withResolvers<string>();
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const found = /"port":(\d+)/.exec(output)?.[1];
    if (found !== undefined) resolve(found);
  });
  void ended.then(() => reject(new Error(`the program ended before it was ready: ${output}`)));
  const status = await post(await port);
  const wall = performance.now() - begun;
  if (status !== 204) throw new Error(`the first event was answered with ${status}`);
  const cost = { wall, ...(await usedBy(child.pid ?? 0)) };
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
  return cost;
}

async function post(port: string): Promise<number> {
  const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/', headers: eventHeaders, timeout: 60_000 });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  sent.once('error', reject);
  sent.once('response', (response) => {
    response.resume().once('end', () => resolve(response.statusCode ?? 0));
  });
  sent.end();
  return promise;
}

/** schedstat is exact, /proc/PID/stat is in steps of 10 ms. */
async function usedBy(pid: number): Promise<Pick<StartCost, 'cpu' | 'rss'>> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const spent = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8').catch(() => '0')),
  );
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN);
  const nanoseconds = spent.reduce((sum, line) => sum + Number(line.split(' ', 1)[0]), 0);
  return { cpu: nanoseconds / 1e6, rss: kilobytes / 1024 };
}
