import http, { type IncomingHttpHeaders, type IncomingMessage, STATUS_CODES } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import { deadline, reasonOf, TimedOut } from '../deadline.ts';
import { retryAfter } from '../retry-after.ts';
import { version } from '../version.ts';
import { failureWords } from './failure-words.ts';
import { guardedLookup, isForbiddenAddress } from './forbidden-address.ts';
import type { Hosts } from './hosts.ts';
import { NoAnswer, printable } from './no-answer.ts';
import type { Budget } from './time-budget.ts';

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

/** One request and its whole answer. Throws `NoAnswer` where none comes in time, or where the host asks to be left alone. */
export type Exchange = {
  readonly ask: (question: Question, budget: Budget) => Promise<Reply>;
  readonly close: () => void;
};

export type ExchangeOptions = {
  /** PEM of authorities that are trusted beside the usual ones; '' is none. */
  readonly certificates: string;
  /** Hosts that may be spoken to without TLS. */
  readonly plain: ReadonlySet<string>;
  /** Milliseconds of one call. */
  readonly callTimeout: number;
  readonly lookup: LookupFunction | undefined;
  readonly now: () => number;
};

/** Milliseconds of rest where a host says that it is asked too much, and not until when. */
const defaultRest = 60_000;
const idleTimeout = 30_000;

/** node:http(s) rather than fetch, which takes neither authorities nor a look-up of its own. */
export function createExchange(hosts: Hosts, options: ExchangeOptions, closing: AbortSignal): Exchange {
  const { certificates, plain, callTimeout, now } = options;
  const pool = { keepAlive: true, timeout: idleTimeout };
  const ca = certificates === '' ? {} : { ca: [...getCACertificates('default'), certificates] };
  const agents = { plain: new http.Agent(pool), secure: new https.Agent({ ...pool, ...ca }) };
  const lookup = guardedLookup(options.lookup);
  const call = async (question: Question, budget: Budget): Promise<Reply> => {
    const [host, began] = [question.url.host, performance.now()];
    const isWhole = budget.left() >= callTimeout;
    const limit = deadline(isWhole ? callTimeout : budget.left(), [closing]);
    try {
      const reply = await read(await answerTo(question, agents, lookup, limit.signal), question);
      hosts.heard(host, true);
      return reply;
    } catch (thrown) {
      const cause = limit.signal.aborted ? reasonOf(limit.signal) : thrown;
      if (cause instanceof TimedOut && isWhole) hosts.heard(host, false);
      throw cause instanceof NoAnswer ? cause : silence(host, cause);
    } finally {
      limit.clear();
      budget.spend(performance.now() - began);
    }
  };
  return {
    ask: async (question, budget) => {
      refuse(question.url, plain);
      if (budget.left() === 0)
        throw new NoAnswer(`the time for this image ran out before ${question.url.host} was asked`);
      const reply = await hosts.visit(question.url.host, () => call(question, budget));
      leaveAlone(reply, hosts, now());
      return reply;
    },
    close: () => {
      agents.plain.destroy();
      agents.secure.destroy();
    },
  };
}

function refuse(url: URL, plain: ReadonlySet<string>): void {
  if (isForbiddenAddress(url.hostname)) throw new NoAnswer(`${url.host} is a link-local address, and is not asked`);
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && plain.has(url.host));
  if (!isAllowed)
    throw new NoAnswer(`${url.host} would have to be asked over http: REGISTRY_INSECURE has to name it for that`);
}

function leaveAlone({ url, status, headers }: Reply, hosts: Hosts, now: number): void {
  const told = retryAfter(headers['retry-after'], now);
  const wanted = status === 429 ? (told ?? defaultRest) : status === 503 ? told : undefined;
  if (wanted === undefined) return;
  const why = `answered ${statusWords(status)}`;
  throw new NoAnswer(`${url.host} ${why}`, hosts.rest(url.host, wanted, why));
}

/** A status in our words: what a server writes beside the number is anything. */
export const statusWords = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trim();

/** A kept-alive connection may be closed from the other side while a request goes out: that says nothing of the host, and a fresh one is tried. */
class Stale extends Error {
  override readonly name = 'Stale';
}

async function answerTo(...question: Parameters<typeof send>): Promise<IncomingMessage> {
  for (;;) {
    try {
      return await send(...question);
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
    }
  }
}

type Agents = { readonly plain: http.Agent; readonly secure: https.Agent };

function send(
  { method, url, headers }: Question,
  agents: Agents,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  // Taken from the URL one by one, as a name and password in it would become an Authorization header.
  const address = { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port, path: url.pathname + url.search };
  const all = { 'user-agent': `imagecache-functions/${version}`, 'accept-encoding': 'identity', ...headers };
  const options = { ...address, method, lookup, signal, headers: all };
  const request =
    url.protocol === 'http:'
      ? http.request({ ...options, port: url.port || '80', agent: agents.plain })
      : https.request({ ...options, port: url.port || '443', agent: agents.secure });
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

function silence(host: string, cause: unknown): NoAnswer {
  if (cause instanceof TimedOut) return new NoAnswer(`${host}: ${cause.message}`, undefined, { cause });
  return new NoAnswer(`${host} could not be asked: ${printable(failureWords(cause))}`, undefined, { cause });
}
