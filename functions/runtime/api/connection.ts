import type { ApiCall, ApiMetrics, CallResult, Method } from './api.ts';
import type { Credentials } from './cluster-source.ts';
import { type Outgoing, type Sent, transport } from './transport.ts';
import { version } from '#runtime/version.ts';

/** The connections and counters that the calls and streams of one cluster share. */
export type ApiConnection = {
  readonly send: (way: Way, call: ApiCall, signal: AbortSignal) => Promise<Sent>;
  /** Adds to the bytes read. */
  readonly count: (bytes: number) => void;
  readonly metrics: () => ApiMetrics;
  /** Fires on `close`. */
  readonly closing: AbortSignal;
  readonly close: () => void;
};

type Way = 'call' | 'stream';

/** Time limit of one try, in milliseconds. */
export const defaultTimeout = 30_000;

export function apiConnection(credentials: Credentials, onCall?: (result: CallResult) => void): ApiConnection {
  const connections = transport(credentials);
  const closing = new AbortController();
  const calls: Record<Method, number> = { GET: 0, POST: 0, PUT: 0, PATCH: 0, DELETE: 0 };
  let bytesRead = 0;
  return {
    send: (way, call, signal) => {
      calls[call.method] += 1;
      const sent = connections[way](outgoing(way, call, signal));
      if (onCall !== undefined) void timed(sent, call).then(onCall);
      return sent;
    },
    count: (bytes) => {
      bytesRead += bytes;
    },
    metrics: () => ({ calls: { ...calls }, bytesRead }),
    closing: closing.signal,
    close: () => {
      closing.abort(new Error('the connection to the cluster was closed'));
      connections.close();
    },
  };
}

async function timed(sent: Promise<Sent>, { method, path }: ApiCall): Promise<CallResult> {
  const begin = performance.now();
  const code = await sent.then(async ({ answer }) => (await answer).statusCode).catch(() => undefined);
  return { method, path, code, seconds: (performance.now() - begin) / 1000 };
}

function outgoing(way: Way, call: ApiCall, signal: AbortSignal): Outgoing {
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
  const headers = {
    accept: call.accept ?? 'application/json',
    'user-agent': `imagecache-functions/${version}`,
    // Compression would delay the lines of a stream until a block is full.
    ...(way === 'call' && { 'accept-encoding': 'gzip' }),
    ...(body && { 'content-type': call.contentType ?? 'application/json' }),
    // Node sets no length for the body of a DELETE, and the server would read the body as the next request.
    ...(call.method !== 'GET' && { 'content-length': String(body?.length ?? 0) }),
  };
  return { method: call.method, path: call.path, headers, body, signal };
}
