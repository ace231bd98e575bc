import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Bounds } from '#runtime/bounds.ts';
import { later, respond } from './respond.ts';
import type { Site } from './site.ts';

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
    const reason = refusalOf(request, allowedHosts);
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
export function pageRefusal({ headers }: IncomingMessage): string | undefined {
  const isOfPage = headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none';
  return isOfPage ? 'pages in browsers may not send events' : undefined;
}

function refusalOf({ headers }: IncomingMessage, allowedHosts: readonly string[]): string | undefined {
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
