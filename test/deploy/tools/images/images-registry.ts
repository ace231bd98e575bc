import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export type Stored = { readonly type: string; readonly bytes: Buffer };

export type TestRegistry = {
  /** 127.0.0.1:port */
  readonly host: string;
  /** Pushed content, by path below the repository: `blobs/sha256:…`, `manifests/TAG`. */
  readonly stored: Map<string, Stored>;
  /** `METHOD path` of every request, in order. */
  readonly requests: string[];
  readonly close: () => void;
};

/** How a test registry authenticates: not at all, with a password, or with a token in exchange for a password. */
export type Asks = 'nothing' | 'basic' | 'bearer';

const password = `Basic ${Buffer.from('u:p').toString('base64')}`;
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const challenge = (asks: Asks, host: string) =>
  asks === 'basic'
    ? 'Basic realm="test"'
    : `Bearer realm="http://${host}/token",service="test",scope="repository:me/x:pull,push"`;

const isAllowed = (asks: Asks, authorization: string | undefined) =>
  asks === 'nothing' || authorization === (asks === 'basic' ? password : 'Bearer granted');

type Answer = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

const grantToken = (authorization: string | undefined, url: URL): Answer => {
  const isRight = authorization === password && url.searchParams.get('scope') === 'repository:me/x:pull,push';
  return isRight ? { status: 200, body: '{"token": "granted"}' } : { status: 401, body: '{}' };
};

/** The part of the distribution specification that a push needs: it checks digests, and that a manifest is pushed after its content. */
export const testRegistry = async (asks: Asks): Promise<TestRegistry> => {
  const stored = new Map<string, Stored>();
  const requests: string[] = [];
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const host = `127.0.0.1:${address.port}`;

  const put = (path: string, url: URL, type: string, bytes: Buffer): number => {
    if (path.startsWith('blobs/uploads/')) {
      const digest = url.searchParams.get('digest') ?? '';
      if (digest !== digestOf(bytes) || url.searchParams.get('state') !== 'kept') return 400;
      stored.set(`blobs/${digest}`, { type, bytes });
      return 201;
    }
    const listed = [...bytes.toString().matchAll(/"digest":"(sha256:[0-9a-f]+)"/g)].map(([, digest = '']) => digest);
    if (listed.some((digest) => !stored.has(`blobs/${digest}`) && !stored.has(`manifests/${digest}`))) return 404;
    stored.set(path, { type, bytes });
    return 201;
  };

  const answer = (method: string | undefined, url: URL, request: IncomingMessage, bytes: Buffer): Answer => {
    const { authorization, 'content-type': type = '' } = request.headers;
    if (url.pathname === '/token') return grantToken(authorization, url);
    if (!isAllowed(asks, authorization)) return { status: 401, headers: { 'www-authenticate': challenge(asks, host) } };
    const path = url.pathname.replace('/v2/me/x/', '');
    if (method === 'HEAD') return { status: stored.has(path) ? 200 : 404 };
    if (method === 'POST') return { status: 202, headers: { location: '/v2/me/x/blobs/uploads/1?state=kept' } };
    return { status: put(path, url, type, bytes) };
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', `http://${host}`);
    requests.push(`${request.method ?? ''} ${url.pathname}`);
    const { status, headers = {}, body = '' } = answer(request.method, url, request, await buffer(request));
    response.writeHead(status, headers).end(body);
  };
  server.on('request', (request, response) => void serve(request, response));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { host, stored, requests, close };
};
