import type { IncomingMessage, ServerResponse } from 'node:http';

/** Pages of a port beside its events and probes: answers a GET or HEAD that is its own and says so, and leaves any other alone. */
export type Site = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The first site that takes the request answers it. */
export const sitesOf =
  (sites: readonly Site[]): Site =>
  (request, response) =>
    sites.some((site) => site(request, response));

/** Where a request goes, if it only reads; a path that does not read is nobody's. */
export function readTarget({ method, url }: IncomingMessage): URL | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  return URL.parse(`http://site${url ?? ''}`) ?? undefined;
}
