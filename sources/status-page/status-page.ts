import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { readTarget, type Site } from '#runtime/http/site.ts';
import type { Sources } from '../start-sources.ts';
import { answerTo } from './overview.ts';

/** Only the page's own files are loaded, and it cannot be framed: names and messages on it are untrusted input. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
} as const;

type Known = Pick<Sources, 'leads' | 'synced' | 'caches'>;

/**
 * The page at `/status/` and its data below `/status/api/`: read-only, from what the source watches. `/` redirects to it.
 * Resolves when its files are read.
 */
export async function loadStatusPage(): Promise<(known: Known) => Site> {
  const files = new Map<string, Reply>();
  for (const [name, type] of Object.entries(assetTypes))
    files.set(name === 'index.html' ? '' : name, { type, body: await readFile(join(assetFolder, name), 'utf8') });
  return (known) => (request, response) => {
    const target = readTarget(request);
    if (target?.pathname === '/' || target?.pathname === '/status') {
      response.writeHead(307, { location: '/status/', ...headers }).end();
      return true;
    }
    if (target?.pathname.startsWith('/status/') !== true) return false;
    const path = target.pathname.slice('/status/'.length);
    const reply = path.startsWith('api/') ? data(path.slice('api/'.length), target, known) : files.get(path);
    send(request, response, reply);
    return true;
  };
}

type Reply = { readonly type: string; readonly body: string };

function data(what: string, { searchParams }: URL, known: Known): Reply | undefined {
  const answer = answerTo(what, searchParams, known);
  return answer && { type: 'application/json; charset=utf-8', body: JSON.stringify(answer) };
}

/** Answers 304 if the browser has the current version. */
function send(request: IncomingMessage, response: ServerResponse, reply: Reply | undefined): void {
  if (reply === undefined) {
    response.writeHead(404, { ...headers, 'content-type': 'text/plain; charset=utf-8' }).end('not found\n');
    return;
  }
  const etag = `"${createHash('sha256').update(reply.body).digest('base64url').slice(0, 22)}"`;
  const isKnown = request.headers['if-none-match'] === etag;
  response.writeHead(isKnown ? 304 : 200, { ...headers, etag, 'content-type': reply.type });
  response.end(isKnown ? undefined : reply.body);
}

/** Folder of the page's files, in the image as here next to the program. */
export const assetFolder = join(import.meta.dirname, 'assets');

/** The page's files and their media types. */
export const assetTypes: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'elements.js': 'text/javascript; charset=utf-8',
  'overview.js': 'text/javascript; charset=utf-8',
  'detail.js': 'text/javascript; charset=utf-8',
  'nodes.js': 'text/javascript; charset=utf-8',
  'pager.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};
