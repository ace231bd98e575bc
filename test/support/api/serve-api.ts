import type http from 'node:http';
import { ApiError } from '#runtime/errors.ts';
import type { Api } from '#runtime/api/api.ts';
import { answer, scriptedServer, type ReceivedRequest, type ScriptedServer } from '../scripted-server.ts';

/** Serves an API on a free loopback port, for processes that are to talk to it over HTTP. */
export function serveApi(api: Api): Promise<ScriptedServer> {
  return scriptedServer((response, request) => {
    respond(api, request, response).catch((error: unknown) => {
      const status = error instanceof ApiError ? error.status : 500;
      answer(response, status, { kind: 'Status', code: status, message: String(error) });
    });
  });
}

async function respond(
  api: Api,
  { method, path, body }: ReceivedRequest,
  response: http.ServerResponse,
): Promise<void> {
  const call = { method: method === 'POST' || method === 'PUT' ? method : 'GET', path } as const;
  if (!path.includes('watch=true')) {
    answer(response, 200, await api.request(body === '' ? call : { ...call, body: JSON.parse(body) }));
    return;
  }
  const closed = new AbortController();
  response.on('close', () => {
    closed.abort();
  });
  for await (const line of api.lines({ ...call, signal: closed.signal })) response.write(`${line}\n`);
  response.end();
}
