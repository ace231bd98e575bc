import http from 'node:http';
import https from 'node:https';
import type { ApiCall, ApiMetrics, CallResult, Method } from './api.ts';
import { orAborted } from './limits.ts';
import type { Credentials } from './pod-credentials.ts';
import { version } from '#runtime/version.ts';

/** The connections and counters that the calls and streams of one cluster share. */
export type ApiConnection = {
  /** The signal destroys the request and its answer when it fires. */
  readonly send: (way: Way, call: ApiCall, signal: AbortSignal) => Promise<Sent>;
  /** Adds to the bytes read. */
  readonly count: (bytes: number) => void;
  readonly metrics: () => ApiMetrics;
  /** Fires on `close`. */
  readonly closing: AbortSignal;
  readonly close: () => void;
};

/** A call goes over a kept-alive connection of the pool, a stream over its own. */
type Way = 'call' | 'stream';

/** A request that was sent. */
export type Sent = {
  readonly request: http.ClientRequest;
  /** Resolves with the head of the answer; rejects if there is none. */
  readonly answer: Promise<http.IncomingMessage>;
  /** Whether a connection was made; before that, no byte can have been sent. */
  readonly isConnected: () => boolean;
};

/** Time limit of one try, in milliseconds. */
export const defaultTimeout = 30_000;
/** Milliseconds; shorter than servers keep idle connections, so that no write is sent on one that is closing. */
const idleTimeout = 30_000;
/** Milliseconds between TCP probes, which detect a dead peer. */
const keepAliveProbe = 10_000;

/** Uses node:http(s) directly: client-node's fetch neither reuses connections nor separates watches from calls. */
export function apiConnection(credentials: Credentials, onCall?: (result: CallResult) => void): ApiConnection {
  const isPlain = credentials.server.protocol === 'http:';
  const Agent = isPlain ? http.Agent : https.Agent;
  const agents = {
    call: new Agent({ keepAlive: true, keepAliveMsecs: keepAliveProbe, timeout: idleTimeout }),
    stream: new Agent({ keepAlive: false }),
  };
  const closing = new AbortController();
  const calls: Record<Method, number> = { GET: 0, POST: 0, PUT: 0, PATCH: 0, DELETE: 0 };
  let bytesRead = 0;
  const dispatch = async (way: Way, call: ApiCall, signal: AbortSignal): Promise<Sent> => {
    const { headers, auth, tls, proxy } = await orAborted(() => credentials.authorise(), signal);
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const options = {
      ...addressOf(credentials.server, call.path),
      ...tls,
      ...(auth !== undefined && { auth }),
      method: call.method,
      signal,
      headers: { ...headersOf(way, call, body), ...headers },
      agent: proxy ?? agents[way],
    };
    return sent(isPlain ? http.request(options) : https.request(options), body);
  };
  return {
    send: (way, call, signal) => {
      calls[call.method] += 1;
      const dispatched = dispatch(way, call, signal);
      if (onCall !== undefined) void timed(dispatched, call).then(onCall);
      return dispatched;
    },
    count: (bytes) => {
      bytesRead += bytes;
    },
    metrics: () => ({ calls: { ...calls }, bytesRead }),
    closing: closing.signal,
    close: () => {
      closing.abort(new Error('the connection to the cluster was closed'));
      agents.call.destroy();
      agents.stream.destroy();
    },
  };
}

async function timed(dispatched: Promise<Sent>, { method, path }: ApiCall): Promise<CallResult> {
  const begin = performance.now();
  const code = await dispatched.then(async ({ answer }) => (await answer).statusCode).catch(() => undefined);
  return { method, path, code, seconds: (performance.now() - begin) / 1000 };
}

/** Keeps the path prefix of a server behind a proxy. */
function addressOf(server: URL, path: string): { host: string; port: string; path: string } {
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = server.port === '' ? (server.protocol === 'http:' ? '80' : '443') : server.port;
  return { host, port, path: server.pathname.replace(/\/+$/, '') + path };
}

const headersOf = (way: Way, call: ApiCall, body: Buffer | undefined): Readonly<Record<string, string>> => ({
  accept: call.accept ?? 'application/json',
  'user-agent': `imagecache-functions/${version}`,
  // Compression would delay the lines of a stream until a block is full.
  ...(way === 'call' && { 'accept-encoding': 'gzip' }),
  ...(body && { 'content-type': call.contentType ?? 'application/json' }),
  // Node sets no length for the body of a DELETE, and the server would read the body as the next request.
  ...(call.method !== 'GET' && { 'content-length': String(body?.length ?? 0) }),
});

function sent(request: http.ClientRequest, body: Buffer | undefined): Sent {
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
