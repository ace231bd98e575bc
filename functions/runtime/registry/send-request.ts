import { createHash, X509Certificate } from 'node:crypto';
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import { version } from '#runtime/version.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ConfigError } from '#runtime/errors.ts';

const maxKeptBytes = boundTable.registry_answer_bytes.limit;

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

const idleTimeout = 30_000;

/** `certificates`: PEM of additional certificate authorities; empty: none. */
export function createConnections(certificates: string, lookup: LookupFunction | undefined): Connections {
  const pool = { keepAlive: true, timeout: idleTimeout };
  const ca = certificates === '' ? {} : { ca: [...getCACertificates('default'), certificates] };
  return { plain: new http.Agent(pool), secure: new https.Agent({ ...pool, ...ca }), lookup: guardedLookup(lookup) };
}

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
    if (size < maxKeptBytes) kept.push(chunk.subarray(0, maxKeptBytes - size));
    size += chunk.length;
    if (size > most) throw new NoAnswer(`${url.host} answered with more than ${most} bytes`);
    hash.update(chunk);
  }
  const { statusCode: status = 0, headers, headersDistinct } = incoming;
  const challenges = headersDistinct['www-authenticate'] ?? [];
  return { url, status, headers, challenges, body: Buffer.concat(kept), digest: `sha256:${hash.digest('hex')}` };
}

/** Link-local addresses, where clouds serve machine credentials, and their IPv6 forms; no registry has one. */
const forbidden = new BlockList();
forbidden.addSubnet('169.254.0.0', 16, 'ipv4');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/** Whether a host is an address that user-supplied references must not reach; false for names. */
export function isForbiddenAddress(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const family = isIP(address);
  return family !== 0 && forbidden.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Refuses forbidden addresses when connecting, so that a name can not change its address after the check. */
export function guardedLookup(lookup: LookupFunction = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      // On an error `found` is undefined, contrary to its type.
      const isGood = error !== null || addressesIn(found).every((each) => !isForbiddenAddress(each));
      callback(isGood ? error : new Error(`${hostname} has a link-local address, and is not asked`), found, family);
    });
  };
}

const addressesIn = (found: string | readonly LookupAddress[]): readonly string[] =>
  typeof found === 'string' ? [found] : found.map(({ address }) => address);

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

/** Why a connection failed, with the setting to change if the operator can fix it. */
export function failureWords(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason is known';
  const code = 'code' in error ? String(error.code) : '';
  if (untrusted.includes(code)) return 'its certificate is of no trusted authority: REGISTRY_CA_CERTS can name one';
  // A refused connection to a name with several addresses has an error code but no message.
  return error.message || code || error.name;
}
