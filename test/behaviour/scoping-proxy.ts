import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { arrayBuffer } from 'node:stream/consumers';
import type { Credentials } from '#runtime/api/cluster-source.ts';

export type Cut = {
  /** How many more writes, Leases apart, go through to the API server. None does after them. */
  readonly after: number;
  /** Whether the last one's answer still arrives. */
  readonly isHeard: boolean;
  /** Told when the API server has answered the last one, and its answer has gone out or been kept back. */
  readonly onCut: () => void;
};

export type ScopingProxy = {
  readonly url: string;
  /** Writes passed on so far, Leases apart. */
  readonly writes: () => number;
  /** Cuts the connection off after some more writes; undefined mends it. */
  readonly cut: (cut: Cut | undefined) => void;
  readonly close: () => Promise<void>;
};

/**
 * An API server of one namespace, in front of a real one: lists and watches of all namespaces become those of this one.
 * So many products can work side by side on one cluster, each on caches of its own. Plain HTTP on loopback, with the credentials of whoever started it.
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

/** A write's answer goes on as a whole or not at all. */
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

type Passage = {
  readonly path: string;
  readonly credentials: Credentials;
  readonly agent: http.Agent;
};

async function forward(incoming: IncomingMessage, passage: Passage): Promise<IncomingMessage> {
  const { path, credentials, agent } = passage;
  const { method } = incoming;
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
