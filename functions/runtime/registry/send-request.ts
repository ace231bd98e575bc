import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ProxyEnv } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import { getProxyForUrl } from 'proxy-from-env';
import { version } from '#runtime/version.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ConfigError } from '#runtime/errors.ts';
import { guardedLookup, type Reach, refuseByAddress } from './addresses.ts';

const maxKeptBytes = boundTable.registry_answer_bytes.limit;

export type Question = {
  readonly method: 'HEAD' | 'GET';
  readonly url: URL;
  /** The host that is asked about the image: any other is only asked because this one refers to it. */
  readonly registry: string;
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

type Agents = { readonly plain: http.Agent; readonly secure: https.Agent };

/** Agents of kept-alive connections, and the look-up of addresses. Of one reach: a connection must not serve another. */
export type Connections = {
  readonly direct: Agents;
  /** The agents that connect to a proxy. */
  readonly through: (proxy: string) => Agents;
  readonly lookup: LookupFunction;
  readonly close: () => void;
};

const idleTimeout = 30_000;

/** `certificates`: PEM of additional certificate authorities; empty: none. */
export function createConnections(
  certificates: string,
  lookup: LookupFunction | undefined,
): Readonly<Record<Reach, Connections>> {
  const pool = { keepAlive: true, timeout: idleTimeout };
  const ca = certificates === '' ? {} : { ca: [...getCACertificates('default'), certificates] };
  const agents = (proxy: { readonly proxyEnv?: ProxyEnv }): Agents => ({
    plain: new http.Agent({ ...pool, ...proxy }),
    secure: new https.Agent({ ...pool, ...ca, ...proxy }),
  });
  const of = (reach: Reach): Connections => {
    const direct = agents({});
    const proxied = new Map<string, Agents>(); // at most one per scheme, as the environment names one proxy for each
    const through = (proxy: string): Agents => {
      const known = proxied.get(proxy) ?? agents({ proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } });
      proxied.set(proxy, known);
      return known;
    };
    const close = (): void => {
      for (const agent of [direct, ...proxied.values()].flatMap(({ plain, secure }) => [plain, secure]))
        agent.destroy();
    };
    return { direct, through, lookup: guardedLookup(reach, lookup), close };
  };
  return { Listed: of('Listed'), Named: of('Named'), Referred: of('Referred') };
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Older Node ignores the proxy of an agent, and would connect without the guarded look-up. */
const nodeKnowsProxies = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);

/** The proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for this URL; empty: none. */
const proxyOf = (url: URL): string => (nodeKnowsProxies ? getProxyForUrl(url) : '');

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

async function send(question: Question, connections: Connections, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, url, headers } = question;
  const { direct, through, lookup } = connections;
  const proxy = proxyOf(url);
  // A proxy is the operator's own: its address is not checked, but that of the host is, as far as it is known here.
  if (proxy !== '') await refuseByAddress(url.hostname, lookup);
  const { plain, secure } = proxy === '' ? direct : through(proxy);
  // Not passed as a URL, as Node would send a name and password in it as an Authorization header.
  const address = { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port, path: url.pathname + url.search };
  const all = { 'user-agent': `imagecache-functions/${version}`, 'accept-encoding': 'identity', ...headers };
  const options = { ...address, ...(proxy === '' && { lookup }), method, signal, headers: all };
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
    if (size < maxKeptBytes) kept.push(chunk.subarray(0, maxKeptBytes - size));
    size += chunk.length;
    if (size > most) throw new NoAnswer(`${url.host} answered with more than ${most} bytes`);
    hash.update(chunk);
  }
  const { statusCode: status = 0, headers, headersDistinct } = incoming;
  const challenges = headersDistinct['www-authenticate'] ?? [];
  return { url, status, headers, challenges, body: Buffer.concat(kept), digest: `sha256:${hash.digest('hex')}` };
}

/** Reads the PEM of REGISTRY_CA_CERTS. Throws `ConfigError` if it is invalid, which would otherwise show only as TLS errors. */
export function trustedAuthorities(setting: string): string {
  if (setting === '') return '';
  const pem = setting.includes('-----BEGIN') ? setting : contentOf(setting);
  try {
    const certificates = pem.match(certificate) ?? [];
    if (certificates.length === 0) throw new Error('it holds no certificate');
    for (const each of certificates) new X509Certificate(each);
    return pem;
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS is not the PEM of certificates: ${messageOf(cause)}`, { cause });
  }
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS names a file that can not be read: ${messageOf(cause)}`, { cause });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A registry, mirror or token server gave no usable answer. The message is one sentence that names the host. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** Milliseconds until a retry may succeed; undefined if unknown. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * What is said of every host that gives no answer, whatever the cause: who may name hosts must not learn which ports are open in the
 * network of the functions.
 */
export const unreachable = 'could not be reached: the log of imagecache-functions says why';

/** A server answered that it is asked too often: 429. */
export class Throttled extends NoAnswer {
  /** The milliseconds that it named; undefined if it named none. */
  readonly requestedMs: number | undefined;
  constructor(message: string, retryAfterMs: number, requestedMs: number | undefined) {
    super(message, retryAfterMs);
    this.requestedMs = requestedMs;
  }
}

/** A login, or an anonymous request, was denied; another login may be accepted. */
export class Denied extends Error {
  override readonly name = 'Denied';
}

/** Untrusted text for a status or log line: printable ASCII, on one line, truncated. */
export function printable(text: string, maxLength = 200): string {
  return text
    .slice(0, maxLength * 4)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, maxLength);
}

const untrusted = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Why a connection failed, with the setting to change, for the operator. */
export function failureWords(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason is known';
  const code = 'code' in error ? String(error.code) : '';
  if (untrusted.includes(code)) return 'its certificate is of no trusted authority: REGISTRY_CA_CERTS can name one';
  // A refused connection to a name with several addresses has an error code but no message.
  return error.message || code || error.name;
}
