import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ApiError } from '#runtime/errors.ts';
import type { ApiCall } from '#runtime/api/api.ts';
import type { FakeApi } from './fake-api.ts';

export type ApiServer = { readonly url: string; readonly close: () => Promise<void> };

/** A fake API on a free loopback port, for processes that are to talk to it over HTTP. */
export async function serveApi(api: FakeApi): Promise<ApiServer> {
  const server = createServer((request, response) => {
    answer(api, request, response).catch((error: unknown) => {
      const status = error instanceof ApiError ? error.status : 500;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Status', code: status, message: String(error) }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(api: FakeApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '';
  const call: ApiCall = { method: methodOf(request), path };
  if (!path.includes('watch=true')) {
    const text = await bodyOf(request);
    const found = await api.request(text === '' ? call : { ...call, body: JSON.parse(text) });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
    return;
  }
  const gone = new AbortController();
  response.on('close', () => {
    gone.abort();
  });
  for await (const line of api.lines({ ...call, signal: gone.signal })) response.write(`${line}\n`);
  response.end();
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return text;
}

function methodOf({ method }: IncomingMessage): ApiCall['method'] {
  if (method === 'POST' || method === 'PUT') return method;
  return 'GET';
}
