import { access, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { limiter } from '#runtime/api/limits.ts';
import { createBounds } from '#runtime/bounds.ts';
import type { Notice } from '#model/cache/cloud-event.ts';
import { readConfig } from '#runtime/config/config.ts';
import { ApiError, ConfigError, Rejected, RetryLater } from '#runtime/errors.ts';
import type { Context, Handler, Handlers } from '#runtime/handler.ts';
import { createLog } from '#runtime/process/log.ts';
import { serve, type Served, type ServeOptions } from '#runtime/http/serve.ts';
import { inMemoryRegistry } from '../../../support/registry/in-memory-registry.ts';
import { repetitions } from '../../../support/repetitions.ts';
import { malformedRequests } from './malformed-requests.ts';
import { goodEvent } from './good-event.ts';

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

type World = { served: Served; url: string; notices: Notice[]; contexts: Context[]; logged: unknown[] };

/** A cluster that no handler here looks at: any use of it fails. */
const unusable: unknown = Object.freeze({});
const isCluster = (value: unknown): value is Context['cluster'] => value === unusable;
function noCluster(): Context['cluster'] {
  if (isCluster(unusable)) return unusable;
  throw new TypeError('there is one');
}

async function world(handle: Handler | Partial<Handlers>, options: Partial<ServeOptions> = {}): Promise<World> {
  const [notices, contexts, logged]: [Notice[], Context[], unknown[]] = [[], [], []];
  const recording =
    (handler: Handler): Handler =>
    async (notice, context) => {
      notices.push(notice);
      contexts.push(context);
      await handler(notice, context);
    };
  const log = createLog('debug', { write: (line) => logged.push(JSON.parse(line)) });
  const lockFolder = await mkdtemp(join(tmpdir(), 'serve-'));
  const entries = Object.entries(typeof handle === 'function' ? { reconcile: handle } : handle);
  const served = await serve({
    handlers: Object.fromEntries(entries.map(([name, handler]) => [name, recording(handler)])),
    context: {
      ...{ cluster: noCluster(), settings: readConfig([], {}).settings, log, now: () => 0 },
      ...{ registry: inMemoryRegistry(), readsPullSecrets: false },
    },
    port: 0,
    host: '127.0.0.1',
    lockFolder,
    ...options,
  });
  open.push({ close: () => rm(lockFolder, { recursive: true, force: true }) }, served);
  return { served, url: `http://127.0.0.1:${served.port}`, notices, contexts, logged };
}

const doNothing: Handler = () => Promise.resolve();
const all: Handlers = { reconcile: doNothing, 'job-complete': doNothing, refresh: doNothing, purge: doNothing };
const failing =
  (error: unknown): Handler =>
  () =>
    Promise.reject(error instanceof Error ? error : new Error(String(error)));

const object = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', namespace: 'demo', name: 'cache' };
const change = {
  type: 'change',
  verb: 'update',
  object,
  cache: { namespace: 'demo', name: 'cache' },
  changed: [object],
  isFromElsewhere: true,
};
const binaryHeaders = (of: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries({ ...goodEvent, ...of }).map(([name, value]) => [`ce-${name}`, value]));
const structured = { 'content-type': 'application/cloudevents+json' };
const batch = { 'content-type': 'application/cloudevents-batch+json' };

type Told = { status: number; headers: http.IncomingHttpHeaders; body: string };

/** fetch would fill in a Content-Type and hide an empty one. */
function post(
  url: string,
  headers: http.OutgoingHttpHeaders,
  body: string | Buffer = '',
  method = 'POST',
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    request.on('error', reject).end(body);
  });
}

describe('serve', () => {
  it.each([
    ['a binary event', binaryHeaders(), ''],
    [
      'a binary event with its object',
      { ...binaryHeaders(), 'content-type': 'application/json;charset=UTF-8' },
      ' {"kind":"x"}',
    ],
    ['a binary event with odd but good JSON', { ...binaryHeaders(), 'content-type': 'application/json' }, ' 42'],
    ['capital headers', { 'Ce-Specversion': '1.0', ...binaryHeaders() }, ''],
    ['a structured event', structured, JSON.stringify(goodEvent)],
    [
      'another writing of its type',
      { 'content-type': 'Application/CloudEvents+JSON;Charset="UTF-8"' },
      JSON.stringify(goodEvent),
    ],
    ['one with null for what is not set', structured, JSON.stringify({ ...goodEvent, subject: null, time: null })],
    ['a batch of one', batch, JSON.stringify([goodEvent])],
  ])('takes %s', async (_, headers, body) => {
    const { url, notices } = await world(doNothing);
    const told = await post(url, headers, body);
    expect(told).toMatchObject({ status: 204, body: '', headers: { 'content-type': 'text/plain; charset=utf-8' } });
    expect(notices).toEqual([change]);
  });

  it.each([
    ["cron-connector's bare POST", { 'x-connector': 'cron-connector', 'x-topic': 'cron-function' }, ''],
    ['an empty POST', {}, ''],
    ["PingSource's event", binaryHeaders({ type: 'dev.knative.sources.ping' }), ''],
  ])('takes %s for a tick', async (_, headers, body) => {
    const { url, notices } = await world({ refresh: doNothing });
    expect(await post(url, headers, body)).toMatchObject({ status: 204 });
    expect(notices).toEqual([{ type: 'tick' }]);
  });

  it('answers a hundred bare POSTs at once with few looks at the cluster', async () => {
    const { url, notices } = await world({ refresh: () => pause(50) });
    const begin = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(url, {})));
    const seconds = (performance.now() - begin) / 1000;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    expect(notices.length).toBeLessThanOrEqual(6 + seconds);
  });

  it('handles a lasting flood of bare POSTs once a second, after the first five', async () => {
    const { url, notices } = await world({ refresh: () => pause(1) });
    const begin = performance.now();
    for (let count = 0; count < 8; count += 1) await post(url, {});
    expect(notices).toHaveLength(8);
    expect((performance.now() - begin) / 1000).toBeGreaterThan(2);
  });

  it('answers every tick that shares a failed look', async () => {
    const { url, notices } = await world({
      refresh: async () => {
        await pause(100);
        throw new RetryLater('busy', 3000);
      },
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(url, {})));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(notices.length).toBeLessThanOrEqual(3);
  });

  it('refuses an empty POST without a schedule', async () => {
    const { url, notices } = await world(doNothing);
    expect(await post(url, {})).toMatchObject({ status: 400 });
    expect(await post(url, { 'x-connector': 'cron-connector' })).toMatchObject({ status: 204 });
    expect(notices).toEqual([]);
  });

  it('refuses a compressed body, with a reason', async () => {
    const { url, notices } = await world(doNothing);
    const zipped = { ...structured, 'content-encoding': 'gzip' };
    for (const body of [gzipSync(JSON.stringify(goodEvent)), gzipSync(Buffer.alloc(20_000_000, ' '))])
      expect(await post(url, zipped, body)).toMatchObject({
        status: 415,
        body: expect.stringContaining('compressed') as string,
      });
    expect(notices).toEqual([]);
  });

  it('passes each path to its function, and other events to none', async () => {
    const { url, notices } = await world(all);
    for (const name of ['reconcile', 'refresh', 'purge', 'job-complete', 'reconcile/added/by/a/gateway'])
      expect(await post(`${url}/${name}`, binaryHeaders())).toMatchObject({ status: 204 });
    expect(notices).toHaveLength(4);
    expect(await post(url, binaryHeaders())).toMatchObject({ status: 422 });
  });

  it('accepts every path if one function runs', async () => {
    const { url, notices } = await world(doNothing);
    for (const path of ['/', '/function/x', '/%E0%A4%A'])
      expect(await post(url + path, binaryHeaders())).toMatchObject({ status: 204 });
    expect(notices).toHaveLength(3);
  });

  it.each([
    ['a rejection', new Rejected('no such\nthing'), 422, undefined, 'no such thing\n'],
    ['a retry', new RetryLater('wait for the quota', 2500), 503, '3', 'wait for the quota\n'],
    ['a short retry', new RetryLater('soon', 1), 503, '1', 'soon\n'],
    ['a refusal by the API server', new ApiError('GET /x: 403', { status: 403 }), 503, '2', 'GET /x: 403\n'],
    ['its throttling', new ApiError('GET /x: 429', { status: 429, retryAfterMs: 9000 }), 503, '9', 'GET /x: 429\n'],
    ['any other error', new TypeError('secret'), 503, '5', 'unexpected error; see the log\n'],
  ])('answers %s', async (_, error, status, retryAfter, body) => {
    const { url } = await world(failing(error));
    const told = await post(url, binaryHeaders());
    expect(told).toMatchObject({ status, body });
    expect(told.headers['retry-after']).toBe(retryAfter);
    expect(told.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('handles all events of a batch and answers the worst result', async () => {
    const { url, notices } = await world((notice) =>
      notice.type === 'change' && notice.object.name === 'busy'
        ? failing(new RetryLater('busy', 1))(notice, never())
        : Promise.resolve(),
    );
    const named = (name: string): object => ({ ...goodEvent, name });
    expect(await post(url, batch, JSON.stringify([named('a'), { ...goodEvent, kind: 5 }, named('b')]))).toMatchObject({
      status: 422,
    });
    expect(await post(url, batch, JSON.stringify([1, named('busy'), named('c')]))).toMatchObject({ status: 503 });
    expect(await post(url, batch, '[]')).toMatchObject({ status: 204 });
    expect(notices).toHaveLength(4);
  });

  it.each([
    ['a good trace', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '0af7651916cd43dd8448eb211c80319c'],
    ['an invalid one', '00-00000000000000000000000000000000-b7ad6b7169203331-01', undefined],
  ])('accepts an event with %s, and logs the trace in each of its lines', async (_, traceparent, traceId) => {
    const { url, logged } = await world(async (_notice, { log }) => {
      log.info('at work');
      await Promise.resolve();
    });
    expect(await post(url, binaryHeaders({ traceparent }))).toMatchObject({ status: 204 });
    const lines = logged.map((line) => (line as { trace_id?: string }).trace_id);
    expect(lines).toEqual([traceId, traceId]);
  });

  it('lets a site answer its own requests, and no others', async () => {
    const { url } = await world(doNothing, {
      site: ({ url: path }, response) => {
        if (path === '/metrics') response.end('up 1');
        return path === '/metrics';
      },
    });
    expect(await post(`${url}/metrics`, {}, '', 'GET')).toMatchObject({ status: 200, body: 'up 1' });
    expect(await post(`${url}/else`, {}, '', 'GET')).toMatchObject({ status: 404 });
    expect(await post(url, binaryHeaders())).toMatchObject({ status: 204 });
  });

  it('logs one line per event, and an error once, with its cause', async () => {
    const error = new ApiError('GET /x', { status: 500 }, { cause: new Error('etcd is slow') });
    const { url, logged } = await world(failing(error));
    await post(url, binaryHeaders({ subject: '/apis/x' }));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ level: 'warn', function: 'reconcile', id: '1', subject: '/apis/x', status: 503 });
    expect(JSON.stringify(logged)).toContain('etcd is slow');
    const good = await world(doNothing);
    await post(good.url, binaryHeaders());
    expect(good.logged).toMatchObject([{ level: 'info', msg: 'event handled', status: 204 }]);
  });

  it('answers the probes', async () => {
    let isReady = false;
    const { url, served } = await world(doNothing, { isReady: () => isReady });
    const get = (path: string) => post(url + path, {}, '', 'GET');
    for (const path of ['/_/health', '/health/liveness'])
      expect(await get(path)).toMatchObject({ status: 200, body: 'ok\n' });
    for (const path of ['/_/ready', '/health/readiness']) expect(await get(path)).toMatchObject({ status: 503 });
    expect((await get('/_/ready')).body).toContain('not ready');
    isReady = true;
    for (const path of ['/_/ready', '/health/readiness']) expect(await get(path)).toMatchObject({ status: 200 });
    expect(served.ready()).toBe(true);
    expect(await get('/nothing')).toMatchObject({ status: 404 });
    expect(await post(url, {}, '', 'PUT')).toMatchObject({ status: 405 });
  });

  it('creates and removes the lock file, and runs without it on a failure', async () => {
    const lockFolder = await mkdtemp(join(tmpdir(), 'serve-'));
    const { served } = await world(doNothing, { lockFolder });
    await access(join(lockFolder, '.lock'));
    await served.close();
    await expect(access(join(lockFolder, '.lock'))).rejects.toThrow('ENOENT');
    await rm(lockFolder, { recursive: true });
    const without = await world(doNothing, { lockFolder: join(lockFolder, 'none') });
    expect(await post(without.url, binaryHeaders())).toMatchObject({ status: 204 });
  });

  it('does not follow a link at the place of the lock file, nor remove it (attack 14)', async () => {
    const lockFolder = await mkdtemp(join(tmpdir(), 'serve-'));
    const [target, link] = [join(lockFolder, 'precious'), join(lockFolder, '.lock')];
    await writeFile(target, 'kept');
    await symlink(target, link);
    const { served, url } = await world(doNothing, { lockFolder });
    expect(await post(url, binaryHeaders())).toMatchObject({ status: 204 });
    await served.close();
    expect([await readFile(target, 'utf8'), await readlink(link)]).toEqual(['kept', target]);
    await rm(lockFolder, { recursive: true });
  });

  it('reports that its port is in use', async () => {
    const { served } = await world(doNothing);
    const second = world(doNothing, { port: served.port });
    await expect(second).rejects.toThrow(ConfigError);
    await expect(second).rejects.toThrow(`cannot listen on port ${served.port}: EADDRINUSE; set PORT to another one`);
  });

  it('answers 413 to a batch of more events than it reads, and handles equal events once', async () => {
    const { url, notices } = await world(doNothing);
    const events = (count: number) => JSON.stringify(Array.from({ length: count }, () => goodEvent));
    expect(await post(url, batch, events(101))).toMatchObject({
      status: 413,
      body: 'the batch has 101 events, and at most 100 are read\n',
    });
    expect(await post(url, batch, events(100))).toMatchObject({ status: 204 });
    expect(notices).toHaveLength(1);
  });

  it('closes a connection that sends a fifth request before the first is answered', async () => {
    const { promise: finish, resolve } = Promise.withResolvers<undefined>();
    const { served, contexts } = await world(() => finish);
    const head = Object.entries(binaryHeaders()).map(([name, value]) => `${name}: ${value}\r\n`);
    const event = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n${head.join('')}\r\n`;
    const socket = net.connect({ port: served.port, host: '127.0.0.1' });
    const closed = new Promise((done) =>
      socket
        .on('error', () => undefined)
        .resume()
        .on('close', done),
    );
    socket.write(event.repeat(4));
    await vi.waitFor(() => expect(contexts).toHaveLength(4), { timeout: 10_000 });
    socket.write(event);
    await closed;
    resolve(undefined);
    expect(contexts).toHaveLength(4);
  });

  it('stops the work of a sender that hangs up, also of one that waits', async () => {
    const stopped: unknown[] = [];
    const { url, contexts, logged } = await world(async (_notice, { signal }) => {
      await pause(60_000, undefined, { signal }).catch(() => stopped.push(signal.reason));
      signal.throwIfAborted();
    });
    const agent = new http.Agent();
    const requests = Array.from({ length: 40 }, () =>
      http.request(url, { method: 'POST', headers: binaryHeaders(), agent }).on('error', () => undefined),
    );
    for (const request of requests) request.end();
    await vi.waitFor(() => expect(contexts).toHaveLength(32), { timeout: 10_000 });
    for (const request of requests) request.destroy();
    await vi.waitFor(() => expect(stopped.length).toBe(contexts.length), { timeout: 10_000 });
    expect(stopped[0]).toBeInstanceOf(RetryLater);
    expect(contexts.length).toBeLessThanOrEqual(40);
    expect(logged).not.toContainEqual(expect.objectContaining({ level: 'error' }));
  });

  it('answers small events while large requests hold all the memory that there is for them', async () => {
    const bounds = createBounds();
    const { url, served } = await world(doNothing, { bounds });
    const sent = 2_097_000;
    const held = Array.from({ length: 5 }, () => net.connect({ port: served.port, host: '127.0.0.1' }));
    open.push({ close: () => held.map((socket) => socket.destroy()) });
    for (const socket of held) {
      socket.on('error', () => undefined).resume();
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2097152\r\n\r\n${' '.repeat(sent)}`);
    }
    // There is room for four of them; a large request that is sent before they hold it would take the place of one.
    const full = 4 * (sent - bounds.small_body_bytes.limit);
    await vi.waitFor(() => expect(bounds.large_bodies_bytes.used()).toBeGreaterThanOrEqual(full), { timeout: 10_000 });
    const large = { ...structured, 'content-length': 2_000_000 };
    expect(await post(url, large, JSON.stringify(goodEvent).padEnd(2_000_000))).toMatchObject({ status: 503 });
    expect(await post(url, structured, JSON.stringify(goodEvent))).toMatchObject({ status: 204 });
    for (const socket of held) socket.destroy();
    await vi.waitFor(() => expect(bounds.large_bodies_bytes.used()).toBe(0), { timeout: 10_000 });
  });

  it.each([
    ['is too large', 2_200_000],
    ['is no event', 2_000_000],
  ])('stops counting a body that %s before its answer is sent, which waits for an earlier one', async (_, size) => {
    const bounds = createBounds();
    const { promise: finish, resolve } = Promise.withResolvers<undefined>();
    const { served, contexts } = await world(() => finish, { bounds });
    const socket = net.connect({ port: served.port, host: '127.0.0.1' });
    open.push({ close: () => socket.destroy() });
    socket.on('error', () => undefined).resume();
    const head = Object.entries(binaryHeaders()).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n${head.join('')}\r\n`);
    await vi.waitFor(() => expect(contexts).toHaveLength(1), { timeout: 10_000 });
    const half = ' '.repeat(size / 2);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${size.toString(16)}\r\n${half}`);
    await vi.waitFor(() => expect(bounds.large_bodies_bytes.used()).toBeGreaterThan(0), { timeout: 10_000 });
    socket.write(`${half}\r\n0\r\n\r\n`);
    await vi.waitFor(() => expect(bounds.large_bodies_bytes.used()).toBe(0), { timeout: 10_000 });
    resolve(undefined);
  });

  it('completes requests in flight when closed, and accepts no more', async () => {
    const { promise: finish, resolve } = Promise.withResolvers<undefined>();
    const { served, url, contexts } = await world(() => finish);
    const agent = new http.Agent({ keepAlive: true });
    open.push({ close: () => agent.destroy() });
    await new Promise((done) =>
      http.get(`${url}/_/health`, { agent }, (response) => response.resume().on('end', done)),
    );
    const inFlight = post(url, binaryHeaders());
    while (contexts.length === 0) await pause(5);
    const closed = served.close();
    expect(contexts[0]?.signal.aborted).toBe(true);
    expect(served.ready()).toBe(false);
    // The server answers 503 until its port is closed.
    await vi.waitFor(() => expect(post(url, binaryHeaders())).rejects.toThrow(/ECONNREFUSED|ECONNRESET/), {
      timeout: 10_000,
      interval: 20,
    });
    resolve(undefined);
    expect(await inFlight).toMatchObject({ status: 204 });
    const begin = performance.now();
    await closed;
    expect(performance.now() - begin).toBeLessThan(500);
    await served.close();
  });

  it('does not wait forever for requests that do not end', async () => {
    const { served, url, contexts } = await world(() => new Promise(() => undefined), { grace: 100 });
    const inFlight = post(url, binaryHeaders()).catch((error: unknown) => String(error));
    while (contexts.length === 0) await pause(5);
    const begin = performance.now();
    await served.close();
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(await inFlight).toContain('socket hang up');
  });
});

const malformed = repetitions(300, 1_000);

describe(`${malformed} malformed requests`, () => {
  it('are each refused with a reason and a code that is not retried, and do no harm', { timeout: 60_000 }, async () => {
    const { url, served, notices, logged } = await world(all);
    const repeated = [404, 408, 409, 425, 429];
    // Some wait for bytes that never come until their socket is closed, so they are sent 20 at a time.
    const inTurn = limiter(20);
    const never = new AbortController().signal;
    const answers = await Promise.all(
      malformedRequests(malformed, 20_261_124).map((request) =>
        inTurn(async () => ({ ...request, answer: await rawAnswer(served.port, request.bytes) }), never),
      ),
    );
    for (const { wrong, bytes, answer } of answers) {
      const [, code, head = '', body = ''] = /^HTTP\/1\.1 (\d{3})([^]*?)\r\n\r\n([^]*)$/.exec(answer) ?? [];
      const status = Number(code);
      const seen = `${wrong}: ${JSON.stringify(bytes.toString('latin1').slice(0, 200))} got ${answer.slice(0, 300)}`;
      expect(status >= 400 && status < 500 && !repeated.includes(status), seen).toBe(true);
      expect(head.toLowerCase(), seen).toContain('content-type: text/plain');
      expect(body.trim().length, seen).toBeGreaterThan(5);
      expect(Buffer.byteLength(body), seen).toBeLessThanOrEqual(1024);
      expect(body.trim(), seen).not.toMatch(/\p{Cc}/u);
    }
    expect(logged).not.toContainEqual(expect.objectContaining({ level: 'error' }));
    const before = notices.length;
    expect(await post(`${url}/reconcile`, binaryHeaders())).toMatchObject({ status: 204 });
    expect(notices).toHaveLength(before + 1);
  });
});

/** What comes back for bytes on a socket of their own; whoever waits for more of them is told after a while that there is none. */
function rawAnswer(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => undefined).on('close', () => resolve(answer));
    socket.on('end', () => socket.destroy());
    socket.write(bytes);
    const end = setTimeout(() => socket.end(), 500);
    socket.on('close', () => clearTimeout(end));
  });
}

function never(): never {
  throw new Error('not to be looked at');
}
