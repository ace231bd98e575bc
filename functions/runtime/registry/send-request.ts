import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { version } from '#runtime/version.ts';
import { NoAnswer } from './no-answer.ts';

export type Question = {
  readonly method: 'HEAD' | 'GET';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the answer's body that are read; more is `NoAnswer`. */
  readonly most: number;
};

export type Reply = {
  /** Who answered, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Every WWW-Authenticate header. */
  readonly challenges: readonly string[];
  readonly body: Buffer;
};

/** What requests go over: kept-alive connections, to addresses that `lookup` finds. */
export type Connections = { readonly plain: http.Agent; readonly secure: https.Agent; readonly lookup: LookupFunction };

/** A kept-alive connection may be closed from the other side while a request goes out: that says nothing of the host, and a fresh one is tried. */
class Stale extends Error {
  override readonly name = 'Stale';
}

/** Sends one request and reads its whole answer, until the signal fires. Throws whatever went wrong on the way. */
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
  // Taken from the URL one by one, as a name and password in it would become an Authorization header.
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
  // Stays for good: a request that is destroyed late must not take the process with it.
  request.on('error', (cause) => {
    const isStale = request.reusedSocket && !signal.aborted;
    reject(isStale ? new Stale('the connection was closed meanwhile', { cause }) : cause);
  });
  request.end();
  return promise;
}

async function read(incoming: IncomingMessage, { url, most }: Question): Promise<Reply> {
  const chunks: Buffer[] = [];
  let size = 0;
  const body: AsyncIterable<Buffer> = incoming;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) throw new NoAnswer(`${url.host} answered with more than ${most} bytes`);
    chunks.push(chunk);
  }
  const { statusCode: status = 0, headers, headersDistinct } = incoming;
  return { url, status, headers, challenges: headersDistinct['www-authenticate'] ?? [], body: Buffer.concat(chunks) };
}
