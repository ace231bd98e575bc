import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Site } from '#runtime/http/site.ts';

export type Probes = { readonly port: number; readonly close: () => Promise<void> };

/** Answers pages of `site`, `/_/health` always and `/_/ready` as soon as `isReady` says so: 200 or 503. Port 0 takes any free one. */
export async function serveProbes(port: number, isReady: () => boolean, site?: Site): Promise<Probes> {
  const server = createServer((request, response) => {
    if (site?.(request, response) === true) return;
    response.writeHead(statusOf(request.url ?? '', isReady), { 'content-type': 'text/plain' }).end();
  });
  server.listen(port);
  await once(server, 'listening');
  return {
    port: portOf(server.address()),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function statusOf(path: string, isReady: () => boolean): number {
  if (path === '/_/health') return 200;
  if (path === '/_/ready') return isReady() ? 200 : 503;
  return 404;
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;
