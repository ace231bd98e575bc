import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { benchAgent } from './bench-agent.ts';
import type { Requests } from './requests.ts';

/** A simulated cluster in another process, so that its memory and processor time are not the product's. */
export type SimulatedCluster = {
  readonly kubeconfig: string;
  readonly send: (method: string, path: string, body?: unknown) => Promise<unknown>;
  /** The status of every cache by name, such as Processing. */
  readonly statuses: () => Promise<ReadonlyMap<string, string>>;
  /** The requests of the product since they were last reset. */
  readonly requests: (then?: 'reset') => Promise<Requests>;
  readonly stop: () => Promise<void>;
};

export const cachesPath = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';

const program = join(import.meta.dirname, 'simulator-process.ts');
const started = z.object({ server: z.string() });
const counted = z.object({ requests: z.custom<Requests>() });
const table = z.object({
  columnDefinitions: z.array(z.object({ name: z.string() })),
  rows: z.array(z.object({ cells: z.array(z.unknown()) })),
});

type Order = { readonly nodes: number; /** Milliseconds. */ readonly pull: readonly [number, number] };

export async function simulatedCluster(order: Order): Promise<SimulatedCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-bench-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const options = { execArgv: ['--max-old-space-size=6144'] };
  const child = fork(program, [JSON.stringify({ ...order, kubeconfig })], options);
  const ended = once(child, 'exit');
  const answer = async (): Promise<unknown> => ((await once(child, 'message')) as readonly unknown[])[0];
  const { server } = started.parse(await answer());
  const send: SimulatedCluster['send'] = async (method, path, body) => {
    const once = (): Promise<unknown> => sendTo(server, { method, path, body });
    // A busy server may close an idle connection just as it is used again.
    return method === 'GET' ? once().catch(once) : once();
  };
  return {
    kubeconfig,
    send,
    statuses: async () => statusesIn(await send('GET', `${cachesPath}?includeObject=None`)),
    requests: async (then) => {
      child.send(then ?? 'requests');
      return counted.parse(await answer()).requests;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

type Sent = { readonly method: string; readonly path: string; readonly body: unknown };

async function sendTo(server: string, { method, path, body }: Sent): Promise<unknown> {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const answer = await fetch(`${server}${path}`, {
    method,
    headers: {
      'user-agent': benchAgent,
      'content-type': contentType,
      accept: path.includes('includeObject') ? 'application/json;as=Table;g=meta.k8s.io;v=v1' : 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function statusesIn(object: unknown): ReadonlyMap<string, string> {
  const { columnDefinitions, rows } = table.parse(object);
  const place = (name: string): number => columnDefinitions.findIndex((column) => column.name === name);
  const text = (cell: unknown): string => (typeof cell === 'string' ? cell : '');
  return new Map(rows.map(({ cells }) => [text(cells[place('Name')]), text(cells[place('Status')])]));
}
