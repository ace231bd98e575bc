import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  request as send,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export type GatewayOptions = {
  /** The port of a function's only replica; undefined if it has none. Called for each request. */
  readonly portOf: (name: string) => number | undefined;
  /** Milliseconds until a request to a function times out. Default 60,000, like the gateway's upstream_timeout. */
  readonly timeout?: number;
  /** Milliseconds that a request waits for a function without a replica, as when it is scaled from zero. Default 0. */
  readonly scaleUp?: number;
  /** Called before each request is forwarded. */
  readonly onForward?: (name: string) => void;
};

export type Gateway = { readonly port: number; readonly close: () => Promise<void> };

const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * The behaviour of OpenFaaS' gateway and provider towards callers and functions: `/function/NAME[.namespace][/path]` by any method, without a password;
 * no `/async-function`, as without a queue; chunked bodies; no retries; 502 without a body at a timeout,
 * 503 without a replica, 500 if the connection is refused or breaks; and the request's Content-Type on responses without one.
 */
export async function startGateway(options: GatewayOptions, port = 0): Promise<Gateway> {
  const server = createServer((request, response) => {
    pass(request, response, options).catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function pass(request: IncomingMessage, response: ServerResponse, options: GatewayOptions): Promise<void> {
  const [, name, path = ''] = /^\/function\/([^/.?]+)(?:\.[^/?]+)?(\/?[^]*)$/.exec(request.url ?? '') ?? [];
  if (name === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
    return;
  }
  const port = await replica(name, options);
  if (port === undefined) {
    response.writeHead(503, { 'content-type': 'text/plain' }).end(`No endpoints available for: ${name}.openfaas-fn.\n`);
    return;
  }
  options.onForward?.(name);
  forward(request, response, {
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    timeout: options.timeout ?? 60_000,
  });
}

/** The replica, once it exists or the wait is over. */
async function replica(name: string, { portOf, scaleUp = 0 }: GatewayOptions): Promise<number | undefined> {
  const end = Date.now() + scaleUp;
  while (portOf(name) === undefined && Date.now() < end) await pause(20);
  return portOf(name);
}

type Target = { readonly port: number; readonly path: string; readonly timeout: number };

function forward(request: IncomingMessage, response: ServerResponse, { port, path, timeout }: Target): void {
  const signal = AbortSignal.timeout(timeout);
  const onward = send({
    host: '127.0.0.1',
    port,
    path,
    method: request.method,
    headers: onwardHeaders(request),
    signal,
  });
  onward.once('response', (answer) => {
    const echoed = answer.headers['content-type'] ?? request.headers['content-type'];
    response.writeHead(answer.statusCode ?? 502, {
      ...endToEnd(answer.headers),
      ...(echoed === undefined ? {} : { 'content-type': echoed }),
    });
    answer.on('error', () => response.destroy());
    answer.pipe(response);
  });
  onward.on('error', () => {
    if (response.headersSent) response.destroy();
    else if (signal.aborted) response.writeHead(502).end();
    else response.writeHead(500, { 'content-type': 'text/plain' }).end("Can't reach service for function.\n");
  });
  request.pipe(onward);
}

/** Drops Content-Length, so that the body is forwarded in chunks. */
function onwardHeaders({
  headers,
  socket,
}: Pick<IncomingMessage, 'headers' | 'socket'>): Record<string, string | string[]> {
  const { host = '', ...all } = endToEnd(headers);
  const rest = Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'content-length'));
  return {
    ...rest,
    'transfer-encoding': 'chunked',
    'x-call-id': randomUUID(),
    'x-start-time': String(BigInt(Date.now()) * 1_000_000n),
    'x-forwarded-for': `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`,
    'x-forwarded-host': String(host),
  };
}

function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hopByHop.includes(name) ? [] : [[name, value] as const],
    ),
  );
}
