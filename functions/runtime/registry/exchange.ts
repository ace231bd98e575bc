import http, { STATUS_CODES } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import { deadline, reasonOf, TimedOut } from '#runtime/api/time-limit.ts';
import { retryAfter } from '#runtime/api/retry-after.ts';
import { guardedLookup, isForbiddenAddress } from './forbidden-address.ts';
import type { Hosts } from './hosts.ts';
import { failureWords, NoAnswer, printable } from './no-answer.ts';
import { type Connections, type Question, type Reply, sendRequest } from './send-request.ts';

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
  const connections = connectionsOf(certificates, options.lookup);
  const call = async (question: Question, budget: Budget): Promise<Reply> => {
    const [host, began] = [question.url.host, performance.now()];
    const isWhole = budget.left() >= callTimeout;
    const limit = deadline(isWhole ? callTimeout : budget.left(), [closing]);
    try {
      const reply = await sendRequest(question, connections, limit.signal);
      hosts.heard(host, true);
      leaveAlone(reply, hosts, now());
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
      return hosts.visit(question.url.host, () => call(question, budget));
    },
    close: () => {
      connections.plain.destroy();
      connections.secure.destroy();
    },
  };
}

function connectionsOf(certificates: string, lookup: LookupFunction | undefined): Connections {
  const pool = { keepAlive: true, timeout: idleTimeout };
  const ca = certificates === '' ? {} : { ca: [...getCACertificates('default'), certificates] };
  return { plain: new http.Agent(pool), secure: new https.Agent({ ...pool, ...ca }), lookup: guardedLookup(lookup) };
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

function silence(host: string, cause: unknown): NoAnswer {
  if (cause instanceof TimedOut) return new NoAnswer(`${host}: ${cause.message}`, undefined, { cause });
  return new NoAnswer(`${host} could not be asked: ${printable(failureWords(cause))}`, undefined, { cause });
}

/** The time that calls for one image may take together; waiting in line is not counted, as it says nothing of the registry. */
export type Budget = {
  /** Milliseconds. */
  readonly left: () => number;
  readonly spend: (ms: number) => void;
};

export function timeBudget(ms: number): Budget {
  let left = ms;
  return {
    left: () => Math.ceil(left),
    spend: (used) => {
      left = Math.max(0, left - used);
    },
  };
}
