import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { arrayBuffer } from 'node:stream/consumers';
import { injectFaults } from '../inject-faults.ts';
import type { Fault } from '../faults.ts';
import type { Link } from '../network.ts';
import type { Owner } from '../virtual-time.ts';

export type FaultProxyOptions = {
  /** The target URL; undefined while there is none. */
  readonly target: () => string | undefined;
  /** The name of the client. */
  readonly client: Owner;
  /** The replacement of a path. */
  readonly path?: (asked: string) => string;
  /** The fault of a request. */
  readonly fault: (request: IncomingMessage) => Fault | undefined;
  readonly kill: () => void;
  /** Whether the chaos is not over. */
  readonly isOn: () => boolean;
  /** The factor of delays. */
  readonly pace: number;
};

/** A proxy for real HTTP on loopback that injects faults. */
export type FaultProxy = {
  readonly url: string;
  readonly port: number;
  /** Refuses and closes all connections for this many milliseconds. */
  readonly downFor: (ms: number) => void;
  readonly close: () => void;
};

/** Milliseconds until a half-open connection is reset, as by a restarted machine; clients that wait longer have their own timeout. */
const longestSilence = 60_000;

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { client, isOn, pace } = options;
  const agent = new http.Agent({ keepAlive: true });
  const sockets = new Map<unknown, Link>();
  const halfOpen = new Set<Socket>();
  let isDown = false;

  const server = http.createServer((incoming, outgoing) => pass(incoming, outgoing, { ...options, agent }));
  server.keepAliveTimeout = 60_000;
  injectFaults(server, {
    linkOf: (socket) => sockets.get(socket),
    after: (ms, run) => void setTimeout(() => isOn() && run(), ms * pace),
    afterAlways: (ms, run) => void setTimeout(run, ms * pace),
    kill: () => options.kill(),
    fault: (request) => (halfOpen.has(request.socket) ? { type: 'vanish', isDone: false } : options.fault(request)),
  });
  server.on('connection', (socket: Socket) => {
    if (isDown) return void socket.resetAndDestroy();
    const reset = (): void => void socket.resetAndDestroy();
    const vanish = (): void => {
      halfOpen.add(socket);
      Object.assign(socket, { write: () => true, end: () => socket });
      setTimeout(reset, longestSilence * pace);
    };
    sockets.set(socket, { client, vanish, reset });
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket) && halfOpen.delete(socket));
  });
  server.listen(0);
  await once(server, 'listening');
  const resetAll = (): void => sockets.forEach((link) => link.reset());
  return {
    url: `http://localhost:${portOf(server.address())}`,
    port: portOf(server.address()),
    downFor: (ms) => {
      isDown = true;
      resetAll();
      setTimeout(() => (isDown = false), ms);
    },
    close: () => {
      server.close();
      resetAll();
      agent.destroy();
    },
  };
}

type Passage = Pick<FaultProxyOptions, 'target' | 'path'> & { readonly agent: http.Agent };

function pass(incoming: IncomingMessage, outgoing: ServerResponse, { target, path = same, agent }: Passage): void {
  const to = target();
  if (to === undefined) return void outgoing.destroy();
  const { method, url = '/' } = incoming;
  const headers = without(incoming.headers, ['host', 'connection', 'accept-encoding']);
  const request = http.request(new URL(path(url), to), { method, agent, headers });
  const fail = (): void => void outgoing.destroy();
  request.on('error', fail);
  incoming.on('error', () => request.destroy());
  outgoing.on('error', () => undefined);
  request.once('response', (answer) => {
    // A fault may have sent a response meanwhile.
    if (outgoing.headersSent) answer.destroy();
    else if (/[?&]watch=/.test(url)) stream(answer, outgoing);
    else whole(answer, outgoing).catch(fail);
  });
  incoming.pipe(request);
}

function stream(answer: IncomingMessage, outgoing: ServerResponse): void {
  answer.once('error', () => outgoing.destroy());
  outgoing.once('close', () => answer.destroy());
  outgoing.once('finish', () => answer.destroy());
  answer.pipe(outgoing.writeHead(answer.statusCode ?? 502, answer.headers));
}

async function whole(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = Buffer.from(await arrayBuffer(answer));
  if (outgoing.headersSent) return;
  const headers = without(answer.headers, ['transfer-encoding', 'connection']);
  outgoing.writeHead(answer.statusCode ?? 502, { ...headers, 'content-length': String(body.length) });
  outgoing.end(body);
}

const same = (path: string): string => path;

const without = (headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;
