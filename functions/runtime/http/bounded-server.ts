import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Bounds } from '#runtime/bounds.ts';
import { type Answer, later, sentence } from './respond.ts';

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

/**
 * Reads a body and returns what `handle` answers to it; or an answer if it may not be read. It counts among the bytes that the
 * process holds until then, not until the answer is sent, which may have to wait for an earlier one of the connection.
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  bounds: Bounds,
  handle: (body: Buffer) => Promise<Answer>,
): Promise<Answer> {
  const refusal = headRefusal(request, bounds) ?? busy(request, response, bounds);
  if (refusal !== undefined) return refusal;
  const hold = createHold(bounds);
  try {
    const body = await read(request, response, bounds, hold);
    return Buffer.isBuffer(body) ? await handle(body) : body;
  } finally {
    hold.give();
  }
}

/** What is larger than allowed is discarded, so that its sender reads the answer; what may be sent again is not read. */
function read(
  request: IncomingMessage,
  response: ServerResponse,
  bounds: Bounds,
  hold: Hold,
): Promise<Buffer | Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const stop = (answer: Answer): void => {
      request.off('data', take);
      chunks.length = 0;
      resolve(answer);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bounds.body_bytes.limit) {
        stop(tooLarge(bounds));
        request.resume();
      } else if (hold.take(size)) chunks.push(chunk);
      else {
        request.pause();
        stop(closing(response));
      }
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the sender has hung up')));
  });
}

function headRefusal({ headers }: IncomingMessage, bounds: Bounds): Answer | undefined {
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  // Not inflated: no sender compresses events, and a small body could inflate to a huge one.
  if (encoding !== 'identity')
    return { status: 415, reason: 'compressed bodies are not read: send no Content-Encoding' };
  return Number(headers['content-length'] ?? 0) > bounds.body_bytes.limit ? tooLarge(bounds) : undefined;
}

/** A body for which there is no memory now is refused before it is sent. */
function busy(request: IncomingMessage, response: ServerResponse, bounds: Bounds): Answer | undefined {
  const more = Number(request.headers['content-length'] ?? 0) - bounds.small_body_bytes.limit;
  const { limit, used, refuse } = bounds.large_bodies_bytes;
  if (more <= 0 || used() + more <= limit) return undefined;
  refuse();
  return closing(response);
}

function closing(response: ServerResponse): Answer {
  response.setHeader('connection', 'close');
  return later('too many large requests at once', 1000);
}

function tooLarge({ body_bytes }: Bounds): Answer {
  body_bytes.refuse();
  return { status: 413, reason: 'the body is larger than 2 MB' };
}

type Hold = {
  /** Takes what a body of a size has above the small size, which connections bound. */
  readonly take: (size: number) => boolean;
  readonly give: () => void;
};

function createHold({ large_bodies_bytes, small_body_bytes }: Bounds): Hold {
  let held = 0;
  return {
    take: (size) => {
      const more = Math.max(0, size - small_body_bytes.limit) - held;
      if (more > 0 && !large_bodies_bytes.take(more)) return false;
      held += Math.max(0, more);
      return true;
    },
    give: () => large_bodies_bytes.give(held),
  };
}

/** The answer to an unreadable request; undefined for an error that is not the sender's. */
export function unreadableAnswer(error: unknown): Answer | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined;
  if (error.status < 400 || error.status >= 500) return undefined;
  return { status: 400, reason: error.message };
}

/** Answers malformed HTTP; replaces Node's handler, which would answer slow requests with 408. */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const answer = answerByCode(error.code);
  const body = `${sentence('reason' in answer ? answer.reason : '')}\n`;
  const head = [
    `HTTP/1.1 ${answer.status} ${phrases[answer.status]}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...(answer.status === 503 ? ['retry-after: 1'] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const phrases = { 400: 'Bad Request', 413: 'Content Too Large', 431: 'Header Fields Too Large', 503: 'Retry' } as const;

type RawAnswer = Extract<Answer, { status: 503 }> | { readonly status: 400 | 413 | 431; readonly reason: string };

function answerByCode(code: string | undefined): RawAnswer {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, reason: 'the headers are larger than 16 kB' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, reason: 'the chunk extensions are larger than 16 kB' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 503, reason: 'the request did not arrive in time', retryAfterMs: 1000 };
    case undefined:
    default:
      return { status: 400, reason: 'this is not HTTP/1.1' };
  }
}
