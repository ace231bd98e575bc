import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { Bounds } from '#runtime/bounds.ts';
import type { Metrics } from '#runtime/process/metrics.ts';
import { later, respond } from './respond.ts';

/** Handles a GET or HEAD of its own pages; returns whether it has. */
export type Site = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The URL of a GET or HEAD request; undefined for other methods and invalid paths. */
export function readTarget({ method, url }: IncomingMessage): URL | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  return URL.parse(`http://site${url ?? ''}`) ?? undefined;
}

/** Serves metrics at `/metrics`. */
export const metricsSite =
  ({ scrape }: Pick<Metrics<string>, 'scrape'>, log: Logger): Site =>
  (request, response) => {
    if (readTarget(request)?.pathname !== '/metrics') return false;
    void sendMetrics(scrape, response).catch((err: unknown) => {
      log.error({ err }, 'metrics failed');
      response.writeHead(500, { 'content-type': 'text/plain' }).end('metrics failed; see the log\n');
    });
    return true;
  };

async function sendMetrics(scrape: Metrics<string>['scrape'], response: ServerResponse): Promise<void> {
  const { contentType, text } = await scrape();
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text);
}

export type PageGuard = {
  /** Names under which the pages may be opened, in addition to addresses and names inside of a cluster. */
  readonly allowedHosts: readonly string[];
  readonly bounds: Bounds;
};

/** Milliseconds that a reader has to take a page. */
const readTime = 10_000;

/**
 * Refuses requests from pages of other sites: a browser inside the network could fetch ours for a page outside, directly or by
 * a name that resolves to our address (DNS rebinding).
 */
export function guardedSite(site: Site, { allowedHosts, bounds }: PageGuard): Site {
  return (request, response) => {
    const reason = readerProblem(request, allowedHosts);
    if (reason !== undefined) {
      respond(response, { status: 403, reason });
      return true;
    }
    if (!bounds.pages.take()) {
      respond(response, later('too many pages at once', 1000));
      return true;
    }
    giveWhenSent(response, bounds);
    return site(request, response);
  };
}

/** Why a POST is refused that a page of a browser sends: no sender of events is one. */
export function senderProblem({ headers }: IncomingMessage): string | undefined {
  const isOfPage = headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none';
  return isOfPage ? 'pages in browsers may not send events' : undefined;
}

function readerProblem({ headers }: IncomingMessage, allowedHosts: readonly string[]): string | undefined {
  if (isOfOtherSite(headers)) return 'pages of other sites may not read this';
  const name = hostName(headers.host ?? '');
  if (isInside(name) || allowedHosts.some((each) => hostName(each) === name)) return undefined;
  return `this is not served under the name ${name}: ALLOWED_HOSTS lists other names than those of the cluster`;
}

/** A link from another site may be followed; what it leads to cannot be framed or read by that site. */
function isOfOtherSite(headers: IncomingHttpHeaders): boolean {
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  const site = headers['sec-fetch-site'] ?? 'none';
  return !['none', 'same-origin'].includes(site) && !isLink;
}

/** Without its port, the brackets of an address, and a dot at the end. */
const hostName = (host: string): string =>
  host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');

/** Whether no outsider can choose what a name resolves to: an address, a name of one label, of this machine or of a cluster. */
const isInside = (name: string): boolean =>
  isIP(name) !== 0 || !name.includes('.') || /\.(?:localhost|svc|cluster\.local)$/.test(name);

function giveWhenSent(response: ServerResponse, { pages }: Bounds): void {
  const timer = setTimeout(() => response.destroy(), readTime).unref();
  response.once('close', () => {
    clearTimeout(timer);
    pages.give();
  });
}

/** A secret that senders of events and functions share, and the header that has it: after `Bearer` in Authorization. */
export type EventSecret = { readonly header: string; readonly token: string };

export const secretHeader = ({ header, token }: EventSecret): Readonly<Record<string, string>> => ({
  [header]: header === 'authorization' ? `Bearer ${token}` : token,
});

/** Compares in constant time, so that the duration reveals neither the secret nor its length. */
export function isKnownSender({ headers }: IncomingMessage, secret: EventSecret): boolean {
  const given = headers[secret.header];
  const expected = secretHeader(secret)[secret.header] ?? '';
  return typeof given === 'string' && timingSafeEqual(hash(given), hash(expected));
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
