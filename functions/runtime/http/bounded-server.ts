import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Bounds } from '#runtime/bounds.ts';

/** Milliseconds; longer than Go's clients keep idle connections, so that none is closed during a request. */
const keepAliveTimeout = 120_000;
/** Milliseconds between two searches for requests that did not arrive in time. */
const connectionsCheckingInterval = 1000;

/** A server of a bounded number of connections, each of which has to send its request in time. Not yet listening. */
export function boundedServer(bounds: Bounds, listener: RequestListener): Server {
  const requestTimeout = bounds.request_seconds.limit * 1000;
  const timeouts = { keepAliveTimeout, requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval };
  // Node would refuse a missing Host without a reason; no handler needs one.
  const server = createServer({ ...timeouts, requireHostHeader: false });
  limitConnections(server, bounds, listener);
  return server;
}

/** The requests of a connection that have no answer yet. */
type Connections = Map<Socket, Set<IncomingMessage>>;

function limitConnections(
  server: Server,
  { connections, connection_requests }: Bounds,
  listener: RequestListener,
): void {
  const open: Connections = new Map();
  server.on('connection', (socket: Socket) => {
    while (!connections.take()) {
      const victim = displaced(open);
      if (victim === undefined) return void socket.destroy();
      close(victim);
    }
    open.set(socket, new Set());
    socket.once('close', () => close(socket));
  });
  server.on('request', (request, response) => {
    const unanswered = open.get(request.socket);
    if (unanswered === undefined) return;
    if (unanswered.size >= connection_requests.limit) {
      connection_requests.refuse();
      close(request.socket);
      return;
    }
    unanswered.add(request);
    response.once('close', () => unanswered.delete(request));
    listener(request, response);
  });
  const close = (socket: Socket): void => {
    if (open.delete(socket)) connections.give();
    socket.destroy();
  };
}

/**
 * The oldest connection that waits for a request, or for the rest of one, of the address that has most of them: so that
 * held connections do not keep probes from being answered.
 */
function displaced(open: Connections): Socket | undefined {
  const idle = [...open].filter(([, requests]) => [...requests].every(({ complete }) => !complete));
  const byAddress = Map.groupBy(idle, ([{ remoteAddress = '' }]) => remoteAddress);
  const [busiest = []] = [...byAddress.values()].toSorted((a, b) => b.length - a.length);
  return busiest[0]?.[0];
}
