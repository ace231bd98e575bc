import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { arrayBuffer } from 'node:stream/consumers';
import type { Credentials } from '#runtime/credentials.ts';

/** A write that the API server has answered; its number since the start, from 1. */
export type PassedWrite = { readonly number: number; readonly method: string; readonly path: string };

export type ProxyOptions = {
  /** Lists and watches of all namespaces become those of this one. */
  readonly namespace: string;
  /** Told of each write, Leases apart, once the API server has answered and before the answer goes on; false keeps it back for good. */
  readonly beforeAnswer?: (write: PassedWrite) => boolean;
  /** Told when the answer of a write has gone out. */
  readonly afterAnswer?: (write: PassedWrite) => void;
};

export type ScopingProxy = {
  readonly url: string;
  /** Writes passed on so far, Leases apart. */
  readonly writes: () => number;
  readonly close: () => Promise<void>;
};

/**
 * An API server of one namespace, in front of a real one: so many products can work side by side on one cluster, each on caches of its own.
 * Plain HTTP on loopback, with the credentials of whoever started it.
 */
export async function scopingProxy(credentials: Credentials, options: ProxyOptions): Promise<ScopingProxy> {
  let writes = 0;
  const agent = agentFor(credentials);
  const server = http.createServer((incoming, outgoing) => {
    const method = incoming.method ?? 'GET';
    const path = scoped(incoming.url ?? '/', options.namespace);
    const isCounted = method !== 'GET' && !path.includes('/leases');
    const pass = async (): Promise<void> => {
      const answer = await forward(incoming, { method, path, credentials, agent });
      const write = isCounted ? { number: (writes += 1), method, path } : undefined;
      if (write === undefined) {
        outgoing.once('close', () => answer.destroy());
        answer.pipe(outgoing.writeHead(answer.statusCode ?? 502, answer.headers));
        return;
      }
      await passAnswer(answer, outgoing, write, options);
    };
    pass().catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    writes: () => writes,
    close: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

/** A write's answer goes on as a whole or not at all. */
async function passAnswer(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  write: PassedWrite,
  { beforeAnswer, afterAnswer }: ProxyOptions,
): Promise<void> {
  const body = Buffer.from(await arrayBuffer(answer));
  if (beforeAnswer?.(write) === false) {
    outgoing.destroy();
    return;
  }
  const headers = without(answer.headers, ['transfer-encoding']);
  outgoing.writeHead(answer.statusCode ?? 502, { ...headers, 'content-length': String(body.length) });
  outgoing.end(body, () => afterAnswer?.(write));
}

const agentFor = ({ server }: Credentials): http.Agent =>
  server.protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });

type Passage = {
  readonly method: string;
  readonly path: string;
  readonly credentials: Credentials;
  readonly agent: http.Agent;
};

async function forward(incoming: IncomingMessage, passage: Passage): Promise<IncomingMessage> {
  const { method, path, credentials, agent } = passage;
  const { server } = credentials;
  const { headers, tls } = await credentials.authorise();
  const told = without(incoming.headers, ['host', 'connection']);
  const options = {
    ...tls,
    host: server.hostname,
    port: server.port,
    method,
    path,
    agent,
    headers: { ...told, ...headers },
  };
  const request = server.protocol === 'https:' ? https.request(options) : http.request(options);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once('response', resolve).on('error', reject);
  incoming.on('error', reject);
  incoming.pipe(request);
  return promise;
}

const without = (headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

/** `/apis/batch/v1/jobs` and its like, asked of all namespaces, are asked of one. */
function scoped(path: string, namespace: string): string {
  return path.replace(
    /^(\/apis?\/(?:[^/]+\/)?v[^/]+)\/(imagecaches|jobs|pods)(?=\?|$)/,
    `$1/namespaces/${namespace}/$2`,
  );
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;
