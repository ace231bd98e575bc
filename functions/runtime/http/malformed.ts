import type { Duplex } from 'node:stream';
import { type Answer, sentence } from './respond.ts';

/** The answer to an unreadable request; undefined for an error that is not the sender's. */
export function refusalOf(error: unknown): Answer | undefined {
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
