import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { holdBodies } from '../attacks/hold-bodies.ts';
import { postLargeBatch } from '../attacks/large-batch.ts';
import { readSlowly } from '../attacks/slow-readers.ts';

/** What the loads are applied to. */
export type Target = {
  readonly port: number;
  /** URL of the API server, which needs no login. */
  readonly server: string;
  /** Host and port of a registry that takes connections and never answers. */
  readonly silentRegistry: string;
};

export type Load = { readonly name: string; readonly apply: (target: Target) => Promise<string> };

/** Each load of the list of attacks that is about memory; the answer says what became of it. */
export const loads: readonly Load[] = [
  { name: 'none', apply: () => pause(2000, 'idle') },
  {
    name: '130 bodies of 2 MiB (3)',
    apply: async ({ port }) => held(await holdBodies({ ...bodies(port), connections: 130 })),
  },
  {
    name: '1,000 silent connections (3)',
    apply: async ({ port }) => held(await holdBodies({ ...bodies(port), connections: 1000, bytes: 1 })),
  },
  { name: '100 slow readers of 50 pages', apply: async ({ port }) => held(readSlowly(port, 100)) },
  {
    name: 'ten batches of 2 MB (8)',
    apply: async ({ port }) => {
      const url = `http://127.0.0.1:${port}/reconcile`;
      await Promise.all(Array.from({ length: 10 }, () => postLargeBatch(url, 1500)));
      return pause(3000, 'posted');
    },
  },
  {
    name: 'thirty caches of 1,000 untagged images, the most that one may have (4)',
    apply: (target) => applied(target, [...Array(30).keys()], (cache) => imagesOf(target.silentRegistry, cache)),
  },
  {
    name: 'a cache of 300 silent registries (12)',
    apply: (target) => applied(target, [30], () => hostsOf(target.silentRegistry)),
  },
];

const bodies = (port: number) => ({ port, path: '/reconcile' });

async function held({ close }: { readonly close: () => void }): Promise<string> {
  await pause(8000);
  close();
  return pause(1000, 'held for 8 s');
}

const imagesOf = (registry: string, cache: number): readonly string[] =>
  Array.from({ length: 1000 }, (_, number) => `${registry}/${cache}/${number}`);

const hostsOf = (registry: string): readonly string[] =>
  Array.from(
    { length: 300 },
    (_, number) => `127.0.${1 + Math.floor(number / 200)}.${1 + (number % 200)}:${portOf(registry)}/a`,
  );

const portOf = (host: string): string => host.split(':').at(-1) ?? '';

async function applied(
  { server }: Target,
  caches: readonly number[],
  imagesFor: (cache: number) => readonly string[],
): Promise<string> {
  const statuses = await Promise.all(
    caches.map(async (cache) => {
      const body = JSON.stringify({
        apiVersion: 'kubefledged.io/v1alpha2',
        kind: 'ImageCache',
        metadata: { name: `attack-${cache}` },
        spec: { cacheSpec: [{ images: imagesFor(cache) }] },
      });
      const url = `${server}/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches`;
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await answer.text();
      return answer.status;
    }),
  );
  return pause(20_000, `the API server answered ${[...new Set(statuses)].join(' and ')}`);
}

/** A server that takes connections on all addresses of this machine and never answers. */
export async function silentRegistry(): Promise<{ readonly host: string; readonly close: () => void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
