import type { IncomingMessage, ServerResponse } from 'node:http';

/** Handles a GET or HEAD of its own pages; returns whether it has. */
export type Site = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Combines sites; the first that handles a request answers it. */
export const sitesOf =
  (sites: readonly Site[]): Site =>
  (request, response) =>
    sites.some((site) => site(request, response));

/** The URL of a GET or HEAD request; undefined for other methods and invalid paths. */
export function readTarget({ method, url }: IncomingMessage): URL | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  return URL.parse(`http://site${url ?? ''}`) ?? undefined;
}
