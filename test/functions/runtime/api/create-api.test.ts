import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Api, ApiOptions } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { ApiError, ConfigError, isAnswerTooLarge } from '#runtime/errors.ts';
import { answer, type Script, scriptedServer, type ScriptedServer } from '../../../support/scripted-server.ts';

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function apiTo(script: Script, options: ApiOptions = {}): Promise<{ api: Api; server: ScriptedServer }> {
  const server = await scriptedServer(script);
  const api = createApi({ kubeconfig: '', master: server.url, inCluster: false }, options);
  open.push(server, api);
  return { api, server };
}

async function errorOf(promise: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ApiError) return error;
  throw error;
}

const status = (reason: string, message: string) => ({ kind: 'Status', reason, message });

async function linesOf(stream: AsyncIterable<string>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of stream) lines.push(line);
  return lines;
}

describe('request', () => {
  it('sends method, path, type and length, and reads JSON', async () => {
    const { api, server } = await apiTo((response) => answer(response, 201, { made: true }));
    const call = { method: 'PATCH', path: '/apis/x?force=true', contentType: 'application/merge-patch+json' } as const;
    expect(await api.request({ ...call, body: { name: 'ä' } })).toEqual({ made: true });
    expect(server.received[0]).toMatchObject({
      method: 'PATCH',
      path: '/apis/x?force=true',
      body: '{"name":"ä"}',
      headers: { 'content-type': 'application/merge-patch+json', 'content-length': '13', accept: 'application/json' },
    });
    expect(server.received[0]?.headers['user-agent']).toMatch(/^imagecache-functions\/\d/);
    expect(api.metrics()).toEqual({ calls: { GET: 0, POST: 0, PUT: 0, PATCH: 1, DELETE: 0 }, bytesRead: 13 });
  });

  it('sends the body of a DELETE so that the next request on the connection is read as one', async () => {
    const { api, server } = await apiTo((response) => answer(response, 200, {}));
    await api.request({ method: 'DELETE', path: '/a', body: { preconditions: { uid: '1' } } });
    await api.request({ method: 'DELETE', path: '/b' });
    await api.request({ method: 'GET', path: '/c' });
    expect(server.received.map(({ method, path, body, connection }) => [method, path, body, connection])).toEqual([
      ['DELETE', '/a', '{"preconditions":{"uid":"1"}}', 1],
      ['DELETE', '/b', '', 1],
      ['GET', '/c', '', 1],
    ]);
  });

  it("reports a refusal with the API server's message, once", async () => {
    const { api, server } = await apiTo((response) =>
      answer(response, 409, status('AlreadyExists', 'jobs "a" exists')),
    );
    const error = await errorOf(api.request({ method: 'POST', path: '/jobs', body: {} }));
    expect(error).toMatchObject({ status: 409, reason: 'AlreadyExists' });
    expect(error.message).toBe('POST /jobs: 409 Conflict: jobs "a" exists');
    expect(server.received).toHaveLength(1);
  });

  it('truncates an error answer that is no Status', async () => {
    const { api } = await apiTo((response) => response.writeHead(403).end(`<html>${'x'.repeat(10_000)}`));
    const error = await errorOf(api.request({ method: 'GET', path: '/' }));
    expect(error).toMatchObject({ status: 403, reason: '' });
    expect(error.message.length).toBeLessThan(300);
  });

  it('retries a throttled write after its Retry-After', async () => {
    const { api, server } = await apiTo((response, _, count) =>
      count === 1 ? answer(response, 429, {}, { 'retry-after': '1' }) : answer(response, 201, { count }),
    );
    const begin = performance.now();
    expect(await api.request({ method: 'POST', path: '/jobs', body: { a: 1 } })).toEqual({ count: 2 });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(990);
    expect(server.received.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
  });

  it('gives up a call that stays throttled, with its Retry-After', async () => {
    const { api, server } = await apiTo((response) => answer(response, 429, {}, { 'retry-after': '0' }));
    const error = await errorOf(api.request({ method: 'POST', path: '/jobs', body: {} }));
    expect(error).toMatchObject({ status: 429, retryAfterMs: 0 });
    expect(server.received).toHaveLength(5);
  });

  it('does not wait for a Retry-After above the limit', async () => {
    const { api, server } = await apiTo((response) => answer(response, 429, {}, { 'retry-after': '3600' }));
    expect(await errorOf(api.request({ method: 'GET', path: '/' }))).toMatchObject({ retryAfterMs: 3_600_000 });
    expect(server.received).toHaveLength(1);
  });

  it('retries a failed read, but no write', async () => {
    const { api, server } = await apiTo((response, _, count) => answer(response, count < 3 ? 503 : 200, { count }));
    expect(await api.request({ method: 'GET', path: '/' })).toEqual({ count: 3 });
    const failing = await apiTo((response) => answer(response, 500, status('InternalError', 'etcd')));
    expect(await errorOf(failing.api.request({ method: 'POST', path: '/', body: {} }))).toMatchObject({ status: 500 });
    expect(await errorOf(failing.api.request({ method: 'GET', path: '/' }))).toMatchObject({ status: 500 });
    expect(server.received).toHaveLength(3);
    expect(failing.server.received.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET', 'GET']);
  });

  it('retries a read whose answer breaks off, but no write', async () => {
    const { api, server } = await apiTo((response, seen, count) => {
      if (count > 1 && seen.method === 'GET') {
        answer(response, 200, { whole: true });
        return;
      }
      response.writeHead(200, { 'content-length': '100' }).write('{"half":');
      setTimeout(() => response.destroy(), 20);
    });
    expect(await api.request({ method: 'GET', path: '/' })).toEqual({ whole: true });
    expect(await errorOf(api.request({ method: 'PUT', path: '/', body: {} }))).toMatchObject({ status: 0 });
    expect(server.received.map(({ method }) => method)).toEqual(['GET', 'GET', 'PUT']);
  });

  it('gives up without an answer in time, and does not retry', async () => {
    const { api, server } = await apiTo(() => undefined);
    const error = await errorOf(api.request({ method: 'GET', path: '/slow', timeout: 100 }));
    expect(error).toMatchObject({ status: 0, message: 'GET /slow: no answer within 100 ms' });
    expect(server.received).toHaveLength(1);
  });

  it('gives up when an answer does not end within its time', async () => {
    const { api } = await apiTo((response) => response.writeHead(200).write('{'));
    const error = await errorOf(api.request({ method: 'GET', path: '/slow', timeout: 100 }));
    expect(error.message).toBe('GET /slow: no answer within 100 ms');
  });

  it('retries a write that was not sent', async () => {
    const { api, server } = await apiTo((response) => answer(response, 200, {}));
    const port = Number(new URL(server.url).port);
    await server.close();
    const answered = api.request({ method: 'POST', path: '/', body: {} });
    await pause(20);
    const later = net.createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}'));
    });
    await new Promise<void>((resolve) => later.listen(port, '127.0.0.1', resolve));
    open.push({ close: () => later.close() });
    expect(await answered).toEqual({});
  });

  it('reports a refused connection', async () => {
    const { api, server } = await apiTo(() => undefined);
    await server.close();
    const error = await errorOf(api.request({ method: 'GET', path: '/version' }));
    expect(error.status).toBe(0);
    expect(error.message).toMatch(/^GET \/version: no answer: connect ECONNREFUSED/);
  });

  it('ends at once when aborted, also while it waits for a slot or its next try', async () => {
    const { api } = await apiTo(
      (response, { path }) => {
        if (path === '/throttled') answer(response, 429, {}, { 'retry-after': '20' });
      },
      { concurrency: 1 },
    );
    const stop = new AbortController();
    const throttled = errorOf(api.request({ method: 'GET', path: '/throttled', signal: stop.signal }));
    await pause(50);
    const hanging = errorOf(api.request({ method: 'GET', path: '/hangs', signal: stop.signal }));
    const queued = errorOf(api.request({ method: 'GET', path: '/queued', signal: stop.signal }));
    await pause(50);
    stop.abort(new Error('stopping'));
    const begin = performance.now();
    for (const error of await Promise.all([throttled, hanging, queued])) expect(error.message).toContain('stopping');
    expect(performance.now() - begin).toBeLessThan(500);
    expect(await errorOf(api.request({ method: 'GET', path: '/', signal: stop.signal }))).toMatchObject({ status: 0 });
  });

  it('makes no more concurrent calls than allowed, and all of them eventually', async () => {
    let atOnce = 0;
    let most = 0;
    const { api, server } = await apiTo(
      (response) => {
        most = Math.max(most, (atOnce += 1));
        setTimeout(() => {
          atOnce -= 1;
          answer(response, 200, {});
        }, 5);
      },
      { concurrency: 4 },
    );
    await Promise.all(Array.from({ length: 40 }, (_, index) => api.request({ method: 'GET', path: `/${index}` })));
    expect(most).toBe(4);
    expect(server.received).toHaveLength(40);
    expect(Math.max(...server.received.map(({ connection }) => connection))).toBe(4);
  });

  it('sends urgent calls before those that wait for a slot', async () => {
    const { api, server } = await apiTo(
      (response, { path }) => {
        if (path !== '/hangs') answer(response, 200, {});
      },
      { concurrency: 1 },
    );
    const stop = new AbortController();
    const others = ['/hangs', '/queued'].map((path) =>
      errorOf(api.request({ method: 'GET', path, signal: stop.signal })),
    );
    await pause(50);
    expect(await api.request({ method: 'PUT', path: '/lease', isUrgent: true })).toEqual({});
    expect(server.received.map(({ path }) => path)).toEqual(['/hangs', '/lease']);
    stop.abort(new Error('stopping'));
    await Promise.all(others);
  });

  it('reads a zipped answer, and counts it as it came', async () => {
    const zipped = gzipSync(JSON.stringify({ items: 'x'.repeat(100_000) }));
    const { api } = await apiTo((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped));
    expect(await api.request({ method: 'GET', path: '/' })).toEqual({ items: 'x'.repeat(100_000) });
    expect(api.metrics().bytesRead).toBe(zipped.length);
  });

  it.each([
    ['as it comes', {}, (text: string) => Buffer.from(text)],
    ['unzipped', { 'content-encoding': 'gzip' }, (text: string) => gzipSync(text)],
  ])(
    'reads no answer that is larger %s than the call allows, and does not repeat the call',
    async (_, headers, sent) => {
      const { api, server } = await apiTo((response) =>
        response.writeHead(200, headers).end(sent(JSON.stringify('x'.repeat(100_000)))),
      );
      const call = { method: 'GET', path: '/' } as const;
      expect(await api.request({ ...call, maxBytes: 100_002 })).toHaveLength(100_000);
      const error = await errorOf(api.request({ ...call, maxBytes: 100_001 }));
      expect(error.message).toBe('GET /: the answer exceeds 100001 bytes');
      expect(isAnswerTooLarge(error)).toBe(true);
      expect(server.received).toHaveLength(2);
    },
  );

  it('returns undefined for an empty answer, and fails for one that is not JSON', async () => {
    const { api } = await apiTo((response, { path }) => response.writeHead(200).end(path === '/empty' ? '' : 'secret'));
    expect(await api.request({ method: 'GET', path: '/empty' })).toBeUndefined();
    const error = await errorOf(api.request({ method: 'GET', path: '/text' }));
    expect(error.message).toBe('GET /text: the answer is not JSON');
    expect(error.cause).toBeUndefined();
  });

  it('makes no call after it is closed, and ends those in progress', async () => {
    const { api } = await apiTo(() => undefined);
    const hanging = errorOf(api.request({ method: 'GET', path: '/' }));
    await pause(30);
    api.close();
    expect((await hanging).message).toContain('closed');
    expect((await errorOf(api.request({ method: 'GET', path: '/' }))).message).toContain('closed');
  });
});

describe('lines', () => {
  it('yields each line as it arrives, with characters that were split between chunks', async () => {
    const bytes = Buffer.from('{"name":"köln-€"}\n{"b":1}\n');
    const { api } = await apiTo((response) => {
      response.writeHead(200);
      for (const [index, byte] of bytes.entries())
        setTimeout(() => response.write(Buffer.of(byte)), index < 20 ? index : 20 + index * 2);
      setTimeout(() => response.end('no newline'), 150);
    });
    expect(await linesOf(api.lines({ method: 'GET', path: '/watch' }))).toEqual([
      '{"name":"köln-€"}',
      '{"b":1}',
      'no newline',
    ]);
    expect(api.metrics()).toMatchObject({ calls: { GET: 1 }, bytesRead: bytes.length + 10 });
  });

  it('yields a line before the answer ends, and closes the connection when its reader stops', async () => {
    const { promise: dropped, resolve } = Promise.withResolvers<undefined>();
    const { api } = await apiTo((response) => {
      response.writeHead(200).write('first\n');
      response.on('close', () => resolve(undefined));
    });
    for await (const line of api.lines({ method: 'GET', path: '/watch' })) {
      expect(line).toBe('first');
      break;
    }
    await dropped;
  });

  it('ends without an error when aborted, at any stage', async () => {
    const stop = new AbortController();
    const { api } = await apiTo((response, { path }) => {
      if (path === '/begun') response.writeHead(200).write('first\n');
      else stop.abort();
    });
    const begun = new AbortController();
    const lines: string[] = [];
    for await (const line of api.lines({ method: 'GET', path: '/begun', signal: begun.signal })) {
      lines.push(line);
      begun.abort();
    }
    expect(lines).toEqual(['first']);
    expect(await linesOf(api.lines({ method: 'GET', path: '/silent', signal: stop.signal }))).toEqual([]);
    expect(await linesOf(api.lines({ method: 'GET', path: '/begun', signal: AbortSignal.abort() }))).toEqual([]);
  });

  it('reports a refusal, an early end and a missing head', async () => {
    const { api } = await apiTo((response, { path }) => {
      if (path === '/gone') answer(response, 410, status('Expired', 'too old'));
      if (path === '/breaks') response.writeHead(200).write('{"half');
      if (path === '/breaks') setTimeout(() => response.destroy(), 20);
    });
    const watch = (path: string) => errorOf(linesOf(api.lines({ method: 'GET', path, timeout: 200 })));
    expect(await watch('/gone')).toMatchObject({ status: 410, reason: 'Expired' });
    expect(await watch('/breaks')).toMatchObject({ status: 0 });
    expect(await watch('/silent')).toMatchObject({ status: 0, message: 'GET /silent: no answer within 200 ms' });
  });

  it('lasts longer than its time limit, and does not wait for calls', async () => {
    const { api } = await apiTo(
      (response, { path }) => {
        if (path !== '/watch') return;
        response.writeHead(200).write('first\n');
        setTimeout(() => response.end('last\n'), 300);
      },
      { concurrency: 1 },
    );
    const stop = new AbortController();
    const hanging = errorOf(api.request({ method: 'GET', path: '/hangs', signal: stop.signal }));
    expect(await linesOf(api.lines({ method: 'GET', path: '/watch', timeout: 100 }))).toEqual(['first', 'last']);
    stop.abort();
    await hanging;
  });
});

describe('createApi', () => {
  const kubeconfig = async (server: string, user: string): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'api-request-'));
    open.push({ close: () => rm(folder, { recursive: true }) });
    const file = join(folder, 'config');
    await writeFile(
      file,
      `{apiVersion: v1, kind: Config, current-context: there, clusters: [{name: c, cluster: {server: "${server}"}}],
        users: [{name: u, user: ${user}}], contexts: [{name: there, context: {cluster: c, user: u, namespace: home}}]}`,
    );
    return file;
  };

  it('takes server, token, context and namespace from the kubeconfig, and --master in place of its server', async () => {
    const server = await scriptedServer((response) => answer(response, 200, {}));
    open.push(server);
    const file = await kubeconfig('http://127.0.0.1:1', '{token: secret-token}');
    const api = createApi({ kubeconfig: file, master: `${server.url}/prefix/`, inCluster: false });
    open.push(api);
    expect(api).toMatchObject({ server: `${server.url}/prefix`, context: 'there', namespace: 'home' });
    await api.request({ method: 'GET', path: '/version' });
    expect(server.received[0]).toMatchObject({
      path: '/prefix/version',
      headers: { authorization: 'Bearer secret-token' },
    });
  });

  it('never logs a token', async () => {
    const file = await kubeconfig('http://127.0.0.1:1', '{token: secret-token}');
    const api = createApi({ kubeconfig: file, master: '', inCluster: false });
    open.push(api);
    const error = await errorOf(api.request({ method: 'GET', path: '/' }));
    expect(JSON.stringify([error.message, error.stack, error.cause])).not.toContain('secret-token');
    const plugin = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: echo, args: ['secret-token']}}";
    const failing = createApi({
      kubeconfig: await kubeconfig('http://127.0.0.1:1', plugin),
      master: '',
      inCluster: false,
    });
    open.push(failing);
    const told = await errorOf(failing.request({ method: 'GET', path: '/' }));
    expect(told.message).toBe('GET /: no answer: cannot get credentials: its answer is not JSON');
    expect(String(told.stack) + String(told.cause)).not.toContain('secret-token');
  });

  it("reports what is wrong with the cluster's settings, and quotes no kubeconfig", async () => {
    const broken = await kubeconfig('http://127.0.0.1:1', '{token: "secret-token');
    const nowhere = await kubeconfig('nowhere', '{}');
    const source = { kubeconfig: '', master: '', inCluster: false };
    const problem = (of: Partial<typeof source>): string => {
      try {
        createApi({ ...source, ...of });
      } catch (error) {
        if (error instanceof ConfigError) return error.message;
      }
      return '';
    };
    expect(problem({})).toBe('no cluster is named: set --kubeconfig FILE, or run in a pod with a service account');
    expect(problem({ kubeconfig: '/no/such/file' })).toBe('cannot read kubeconfig /no/such/file: ENOENT');
    expect(problem({ kubeconfig: broken })).toBe(`${broken} is not a kubeconfig`);
    expect(problem({ kubeconfig: nowhere })).toContain('"nowhere", which is no http or https URL');
  });
});
