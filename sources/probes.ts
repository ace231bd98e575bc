import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { type Bounds, createBounds } from '#runtime/bounds.ts';
import { ConfigError } from '#runtime/errors.ts';
import { boundedServer } from '#runtime/http/bounded-server.ts';
import { guardedSite, type Site } from '#runtime/http/site.ts';

export type Probes = { readonly port: number; readonly close: () => Promise<void> };

export type ProbesOptions = {
  readonly isReady: () => boolean;
  /** Additional pages. */
  readonly site?: Site;
  readonly allowedHosts?: readonly string[];
  /** The setting of the port, which an error names; default PORT. */
  readonly setting?: string;
  /** Default: all addresses of the host. */
  readonly host?: string | undefined;
  /** Default: bounds of its own. */
  readonly bounds?: Bounds;
};

/** Serves `site`, `/_/health` (200) and `/_/ready` (200 or 503). Port 0 is any free port. Throws `ConfigError` if the port is not free. */
export async function serveProbes(port: number, options: ProbesOptions): Promise<Probes> {
  const { isReady, host, allowedHosts = [], bounds = createBounds(), setting = 'PORT' } = options;
  const site = options.site && guardedSite(options.site, { allowedHosts, bounds });
  const server = boundedServer(bounds, (request, response) => {
    const status = statusOf(request.url ?? '', isReady);
    if (status === 404 && site?.(request, response) === true) return;
    response.writeHead(status, { 'content-type': 'text/plain' }).end();
  });
  server.listen({ port, host });
  await once(server, 'listening').catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError(`cannot listen on port ${port}: ${code}; set ${setting} to another one`, { cause: error });
  });
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
