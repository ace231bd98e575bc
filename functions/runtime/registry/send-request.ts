import { createHash } from 'node:crypto';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { version } from '#runtime/version.ts';
import { boundTable } from '#runtime/bounds.ts';
import { NoAnswer } from './no-answer.ts';

const maxKept = boundTable.registry_answer_bytes.limit;

export type Question = {
  readonly method: 'HEAD' | 'GET';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Maximum bytes of the answer's body; a larger one is `NoAnswer`. Only its beginning is kept. */
  readonly most: number;
};

export type Reply = {
  /** The URL that answered, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Every WWW-Authenticate header. */
  readonly challenges: readonly string[];
  /** The beginning of the body. */
  readonly body: Buffer;
  /** The digest of the whole body. */
  readonly digest: string;
};

/** Agents of kept-alive connections, and the look-up of addresses. */
export type Connections = { readonly plain: http.Agent; readonly secure: https.Agent; readonly lookup: LookupFunction };

/** A kept-alive connection was closed by the server while a request was sent; it is retried on a new connection. */
class Stale extends Error {
  override readonly name = 'Stale';
}

/** Sends one request and reads its whole answer. Throws any error, or the signal's reason. */
export async function sendRequest(question: Question, connections: Connections, signal: AbortSignal): Promise<Reply> {
  for (;;) {
    try {
      return await read(await send(question, connections, signal), question);
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
    }
  }
}

function send(
  { method, url, headers }: Question,
  { plain, secure, lookup }: Connections,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  // Not passed as a URL, as Node would send a name and password in it as an Authorization header.
  const address = { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port, path: url.pathname + url.search };
  const all = { 'user-agent': `imagecache-functions/${version}`, 'accept-encoding': 'identity', ...headers };
  const options = { ...address, method, lookup, signal, headers: all };
  const request =
    url.protocol === 'http:'
      ? http.request({ ...options, port: url.port || '80', agent: plain })
      : https.request({ ...options, port: url.port || '443', agent: secure });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once('response', resolve);
  request.once('close', () => reject(new Error('the connection closed without an answer')));
  // Never removed: an error event without a listener would end the process.
  request.on('error', (cause) => {
    const isStale = request.reusedSocket && !signal.aborted;
    reject(isStale ? new Stale('the connection was closed meanwhile', { cause }) : cause);
  });
  request.end();
  return promise;
}

async function read(incoming: IncomingMessage, { url, most }: Question): Promise<Reply> {
  const kept: Buffer[] = [];
  const hash = createHash('sha256');
  let size = 0;
  const body: AsyncIterable<Buffer> = incoming;
  for await (const chunk of body) {
    if (size < maxKept) kept.push(chunk.subarray(0, maxKept - size));
    size += chunk.length;
    if (size > most) throw new NoAnswer(`${url.host} answered with more than ${most} bytes`);
    hash.update(chunk);
  }
  const { statusCode: status = 0, headers, headersDistinct } = incoming;
  const challenges = headersDistinct['www-authenticate'] ?? [];
  return { url, status, headers, challenges, body: Buffer.concat(kept), digest: `sha256:${hash.digest('hex')}` };
}
