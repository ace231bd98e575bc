import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { arrayBuffer } from 'node:stream/consumers';
import type { Credentials } from '#runtime/api/pod-credentials.ts';

export type Cut = {
  /** The number of writes, without Leases, that are still forwarded to the API server. */
  readonly after: number;
  /** Whether the response to the last one is forwarded. */
  readonly isHeard: boolean;
  /** Called when the API server has answered the last one, and its response was forwarded or dropped. */
  readonly onCut: () => void;
};

export type ScopingProxy = {
  readonly url: string;
  /** Writes forwarded so far, without Leases. */
  readonly writes: () => number;
  /** Disconnects the product after a number of writes; undefined reconnects it. */
  readonly cut: (cut: Cut | undefined) => void;
  readonly close: () => Promise<void>;
};

/**
 * A proxy that limits an API server to one namespace: lists and watches of all namespaces become those of this one.
 * Several products can then run on one cluster, each on its own caches. Plain HTTP on loopback, with the credentials of the kubeconfig.
 */
export async function scopingProxy(credentials: Credentials, namespace: string): Promise<ScopingProxy> {
  const agent = agentFor(credentials);
  let writes = 0;
  let last: { readonly number: number; readonly cut: Cut } | undefined;

  const passWrite = async (incoming: IncomingMessage, outgoing: ServerResponse, path: string): Promise<void> => {
    if (last !== undefined && writes >= last.number) {
      outgoing.destroy();
      return;
    }
    writes += 1;
    const cut = writes === last?.number ? last.cut : undefined;
    const answer = await forward(incoming, { path, credentials, agent });
    await passAnswer(answer, outgoing, cut);
  };
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const path = scoped(incoming.url ?? '/', namespace);
    if (incoming.method !== 'GET' && !path.includes('/leases')) return passWrite(incoming, outgoing, path);
    const answer = await forward(incoming, { path, credentials, agent });
    outgoing.once('close', () => answer.destroy());
    answer.once('error', () => outgoing.destroy());
    answer.pipe(outgoing.writeHead(answer.statusCode ?? 502, answer.headers));
  };
  const server = http.createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    writes: () => writes,
    cut: (cut) => {
      last = cut === undefined ? undefined : { number: writes + cut.after, cut };
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

/** The response to a write is forwarded completely or not at all. */
async function passAnswer(answer: IncomingMessage, outgoing: ServerResponse, cut: Cut | undefined): Promise<void> {
  const body = Buffer.from(await arrayBuffer(answer));
  if (cut?.isHeard === false) {
    cut.onCut();
    outgoing.destroy();
    return;
  }
  const headers = without(answer.headers, ['transfer-encoding']);
  outgoing.writeHead(answer.statusCode ?? 502, { ...headers, 'content-length': String(body.length) });
  outgoing.end(body, () => cut?.onCut());
}

const agentFor = ({ server }: Credentials): http.Agent =>
  server.protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });

type Passage = { readonly path: string; readonly credentials: Credentials; readonly agent: http.Agent };

async function forward(incoming: IncomingMessage, passage: Passage): Promise<IncomingMessage> {
  const { path, credentials, agent } = passage;
  const { method } = incoming;
  const { server } = credentials;
  const { headers, tls } = await credentials.authorise();
  const forwarded = without(incoming.headers, ['host', 'connection']);
  const options = {
    ...tls,
    host: server.hostname,
    port: server.port,
    method,
    path,
    agent,
    headers: { ...forwarded, ...headers },
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

/** Rewrites cluster-wide paths such as `/apis/batch/v1/jobs` to those of one namespace. */
function scoped(path: string, namespace: string): string {
  return path.replace(
    /^(\/apis?\/(?:[^/]+\/)?v[^/]+)\/(imagecaches|jobs|pods)(?=\?|$)/,
    `$1/namespaces/${namespace}/$2`,
  );
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;
