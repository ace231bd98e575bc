import { STATUS_CODES } from 'node:http';
import type { LookupFunction } from 'node:net';
import { deadline, reasonOf, TimedOut } from '#runtime/api/limits.ts';
import { retryAfter } from '#runtime/api/answer.ts';
import { isRefusedAddress, type Reach, reachOf } from './addresses.ts';
import { BoundedMap } from '#model/text/bounded-map.ts';
import {
  failureWords,
  NoAnswer,
  printable,
  Throttled,
  createConnections,
  type Question,
  type Reply,
  sendRequest,
  unreachable,
} from './send-request.ts';
import type { Hosts, Visitor } from './hosts.ts';
import { isManifestPath } from './places.ts';

/** One request and its whole answer. Throws `NoAnswer` on a time-out, or if the host throttles. */
export type Exchange = {
  readonly ask: (question: Question, budget: Budget) => Promise<Reply>;
  readonly close: () => void;
};

export type ExchangeOptions = {
  /** PEM of additional certificate authorities; empty: none. */
  readonly certificates: string;
  /** Hosts that may be connected to without TLS. */
  readonly plain: ReadonlySet<string>;
  /** Hosts that the operator lists, which may be at any address of a registry. */
  readonly listed: ReadonlySet<string>;
  /** Time limit of one call, in milliseconds. */
  readonly callTimeout: number;
  readonly lookup: LookupFunction | undefined;
  readonly now: () => number;
  readonly onUnreached: OnUnreached;
};

/** Called with a host that cannot be reached and why, once until it is reached or the reason is another. */
export type OnUnreached = (host: string, reason: string) => void;

const maxUnreached = 1000;

/** Backoff in milliseconds for a host that throttles without Retry-After. */
const defaultBackoff = 60_000;

/** Uses node:http(s), since fetch supports neither custom authorities nor a custom look-up. */
export function createExchange(hosts: Hosts, options: ExchangeOptions, closing: AbortSignal): Exchange {
  const { certificates, plain, listed, callTimeout, now, onUnreached } = options;
  const connections = createConnections(certificates, options.lookup);
  const unreached = new BoundedMap<string, string>(maxUnreached);
  const unreachedBy = (host: string, cause: unknown): NoAnswer => {
    const reason = printable(cause instanceof TimedOut ? cause.message : failureWords(cause));
    if (unreached.get(host) !== reason) onUnreached(host, reason);
    unreached.set(host, reason);
    return new NoAnswer(`${host} ${unreachable}`, undefined, { cause });
  };
  const call = async (question: Question, visitor: Visitor, budget: Budget, reach: Reach): Promise<Reply> => {
    const began = performance.now();
    const isWhole = budget.left() >= callTimeout;
    const limit = deadline(isWhole ? callTimeout : budget.left(), [closing]);
    try {
      const reply = await sendRequest(question, connections[reach], limit.signal);
      hosts.heard(visitor, true);
      unreached.delete(visitor.host);
      throwIfThrottled(reply, (ms, why) => hosts.rest(visitor, ms, why), now());
      return reply;
    } catch (thrown) {
      const cause = limit.signal.aborted ? reasonOf(limit.signal) : thrown;
      if (cause instanceof TimedOut && isWhole) hosts.heard(visitor, false);
      throw cause instanceof NoAnswer ? cause : unreachedBy(visitor.host, cause);
    } finally {
      limit.clear();
      budget.spend(performance.now() - began);
    }
  };
  return {
    ask: async (question, budget) => {
      const reach = reachOf(question.url, question.registry, listed);
      refuse(question.url, plain, reach);
      if (budget.hosts?.has(question.url.host) === false)
        throw new NoAnswer('the registry refers to another host, which TENANCY does not allow to ask');
      if (budget.left() === 0)
        throw new NoAnswer(`the time for this image ran out before ${question.url.host} was asked`);
      const visitor = { host: question.url.host, namespace: budget.namespace };
      return hosts.visit(visitor, () => call(question, visitor, budget, reach));
    },
    close: () => {
      for (const { close } of Object.values(connections)) close();
    },
  };
}

function refuse(url: URL, plain: ReadonlySet<string>, reach: Reach): void {
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && plain.has(url.host));
  if (!isAllowed)
    throw new NoAnswer(`${url.host} would have to be asked over http: REGISTRY_INSECURE has to name it for that`);
  if (isRefusedAddress(url.hostname, reach)) throw new NoAnswer(`${url.host} is an address that is not asked`);
}

type Rest = (ms: number, why: string) => number;

function throwIfThrottled({ url, status, headers }: Reply, rest: Rest, now: number): void {
  const requested = retryAfter(headers['retry-after'], now);
  const backoff = status === 429 ? (requested ?? defaultBackoff) : status === 503 ? requested : undefined;
  if (backoff === undefined) return;
  const why = `answered ${statusWords(status)}`;
  const message = `${url.host} ${why}`;
  throw status === 429
    ? new Throttled(message, rest(backoff, why), requested)
    : new NoAnswer(message, rest(backoff, why));
}

/** A status with its standard phrase; the server's own phrase is untrusted. */
export const statusWords = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trim();

/** Time limit of all calls for one image; time in the queue is not counted, as it is not the registry's. */
export type Budget = {
  /** Of the cache that the image is for: calls count as its share. */
  readonly namespace: string;
  /** Hosts that may be asked for the image; undefined: any. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Milliseconds. */
  readonly left: () => number;
  readonly spend: (ms: number) => void;
};

export function timeBudget(ms: number, namespace: string, hosts: Budget['hosts']): Budget {
  let left = ms;
  return {
    namespace,
    hosts,
    left: () => Math.ceil(left),
    spend: (used) => {
      left = Math.max(0, left - used);
    },
  };
}

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];

/** Follows redirects to manifests; drops the login at the first change of host, for good. */
export async function followRedirects(exchange: Exchange, question: Question, budget: Budget): Promise<Reply> {
  let next = question;
  for (let count = 0; count <= maxRedirects; count += 1) {
    const reply = await exchange.ask(next, budget);
    if (!redirects.includes(reply.status)) return reply;
    const url = targetOf(reply);
    next = { ...next, url, headers: url.origin === next.url.origin ? next.headers : anonymous(next.headers) };
  }
  throw new NoAnswer(`${question.url.host} redirected more than ${maxRedirects} times`);
}

function targetOf({ url, headers }: Reply): URL {
  const { location = '' } = headers;
  const target = location === '' ? undefined : URL.parse(location, url.href);
  if (target && isManifestPath(target)) return target;
  throw new NoAnswer(`${url.host} redirected to what is no manifest`);
}

const anonymous = (headers: Question['headers']): Question['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
