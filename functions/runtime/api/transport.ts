import http from 'node:http';
import https from 'node:https';
import type { Credentials } from './cluster-source.ts';
import { orAborted } from './time-limit.ts';

/** A request to send. */
export type Outgoing = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  /** Destroys the request and its answer when it fires. */
  readonly signal: AbortSignal;
};

/** A request that was sent. */
export type Sent = {
  readonly request: http.ClientRequest;
  /** Resolves with the head of the answer; rejects if there is none. */
  readonly answer: Promise<http.IncomingMessage>;
  /** Whether a connection was made; before that, no byte can have been sent. */
  readonly isConnected: () => boolean;
};

export type Transport = {
  /** Sends over a kept-alive connection of the pool. */
  readonly call: (outgoing: Outgoing) => Promise<Sent>;
  /** Sends over its own connection, with TCP keep-alive probes to detect a dead peer. */
  readonly stream: (outgoing: Outgoing) => Promise<Sent>;
  readonly close: () => void;
};

/** Milliseconds; shorter than servers keep idle connections, so that no write is sent on one that is closing. */
const idleTimeout = 30_000;
const keepAliveProbe = 10_000;

/** Uses node:http(s) directly: client-node's fetch neither reuses connections nor separates watches from calls. */
export function transport(credentials: Credentials): Transport {
  const isPlain = credentials.server.protocol === 'http:';
  const Agent = isPlain ? http.Agent : https.Agent;
  const pool = new Agent({ keepAlive: true, keepAliveMsecs: keepAliveProbe, timeout: idleTimeout });
  const streams = new Agent({ keepAlive: false });
  const sendOver = async (agent: http.Agent, outgoing: Outgoing): Promise<Sent> => {
    const { headers, auth, tls, proxy } = await orAborted(() => credentials.authorise(), outgoing.signal);
    const options = {
      ...address(credentials.server, outgoing.path),
      ...tls,
      ...(auth !== undefined && { auth }),
      method: outgoing.method,
      signal: outgoing.signal,
      headers: { ...outgoing.headers, ...headers },
      agent: proxy ?? agent,
    };
    return dispatch(isPlain ? http.request(options) : https.request(options), outgoing.body);
  };
  return {
    call: (outgoing) => sendOver(pool, outgoing),
    stream: (outgoing) => sendOver(streams, outgoing),
    close: () => {
      pool.destroy();
      streams.destroy();
    },
  };
}

/** Keeps the path prefix of a server behind a proxy. */
function address(server: URL, path: string): { host: string; port: string; path: string } {
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = server.port === '' ? (server.protocol === 'http:' ? '80' : '443') : server.port;
  return { host, port, path: server.pathname.replace(/\/+$/, '') + path };
}

function dispatch(request: http.ClientRequest, body: Buffer | undefined): Sent {
  let connected = false;
  const connect = (): void => {
    connected = true;
  };
  request.once('socket', (socket) => {
    socket.setKeepAlive(true, keepAliveProbe);
    if (request.reusedSocket) connect();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', connect);
  });
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  request.once('response', resolve);
  request.once('close', () => reject(new Error('the connection closed without an answer')));
  // Never removed: an error event without a listener would end the process.
  request.on('error', reject);
  request.end(body);
  // The caller may stop awaiting the answer before it fails.
  promise.catch(() => undefined);
  return { request, answer: promise, isConnected: () => connected };
}
