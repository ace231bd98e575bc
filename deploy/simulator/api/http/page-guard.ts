import type { IncomingMessage } from 'node:http';
import { StatusError } from '../status-error.ts';

/** Throws 403 for what a page in a browser sends: the API has no login, and a page could reach it on this machine. */
export const refusePages = ({ headers }: IncomingMessage): void => {
  const isOfPage = headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none';
  if (isOfPage || !isLoopback(headers.host ?? ''))
    throw new StatusError(403, 'Forbidden', 'the simulated API answers no pages, and on 127.0.0.1 and localhost only');
};

/** Other names would be those of somebody who has them resolve to this machine. */
const isLoopback = (host: string): boolean => /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(host);
