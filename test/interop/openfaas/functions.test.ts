import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { productPrograms } from '../../support/product-programs.ts';
import { deployedName } from '../deployed-name.ts';
import { functionNames, type FunctionName } from '#model/cache/cloud-event.ts';
import { emptyCluster, eventHeaders } from '../../../deploy/tools/images/compile-cache.ts';
import { calledByCron, startCronConnector } from './cron-connector.ts';
import { startPlatform, type Platform } from './platform.ts';

const root = join(import.meta.dirname, '../../..');

let api: Awaited<ReturnType<typeof emptyCluster>>;
let platform: Platform;
let temporary = '';
/** The requests of the functions to the API server. */
const asked: string[] = [];
const ports = new Map<string, number>();

beforeAll(async () => {
  [api, temporary] = await Promise.all([emptyCluster(), mkdtemp(join(tmpdir(), 'of-'))]);
  api.server.on('request', ({ url = '' }: IncomingMessage) => void asked.push(url));
  platform = await startPlatform({
    programs: await productPrograms(),
    flags: [`--master=${api.url}`],
    env: { PATH: process.env['PATH'], TMPDIR: temporary },
    onLine: (line, from) => {
      const port = /"port":(\d+)/.exec(line)?.[1];
      if (port !== undefined) ports.set(from, Number(port));
    },
  });
}, 60_000);
afterAll(async () => {
  api.server.close();
  await rm(temporary, { recursive: true, force: true });
});

type Told = {
  readonly status: number;
  readonly type: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: string;
};

/** Sends one request with exactly these headers; the body is chunked unless its length is given. */
const ask = async (
  port: number,
  path: string,
  {
    method = 'POST',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Told> => {
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  const sent = request({ host: '127.0.0.1', port, path, method, headers });
  sent.once('error', reject);
  sent.once('response', (response) => {
    const { 'content-type': type, 'retry-after': retryAfter } = response.headers;
    text(response).then((all) => resolve({ status: response.statusCode ?? 0, type, retryAfter, body: all }), reject);
  });
  sent.end(body);
  return promise;
};
const direct = (name: FunctionName): number => ports.get(name) ?? 0;

/** The headers that the gateway adds to a request. */
const byGateway = {
  'accept-encoding': 'gzip',
  'transfer-encoding': 'chunked',
  'x-call-id': '4e2f4d4a-0d1c-4f86-9f4e-0c7c0f6a1f3b',
  'x-forwarded-for': '10.1.2.3:41234',
  'x-forwarded-host': 'gateway.openfaas:8080',
  'x-start-time': '1795543200000000000',
};
const done: Told = { status: 204, type: 'text/plain; charset=utf-8', retryAfter: undefined, body: '' };
const structured = JSON.stringify({
  ...Object.fromEntries(Object.entries(eventHeaders).map(([name, value]) => [name.slice(3), value])),
  data: { any: 'thing' },
});

describe('a function as OpenFaaS calls it', () => {
  it.each([
    {
      what: 'a binary event',
      headers: { ...byGateway, ...eventHeaders, 'content-type': 'application/json' },
      body: '{}',
    },
    {
      what: 'a structured event',
      headers: { ...byGateway, 'content-type': 'application/cloudevents+json' },
      body: structured,
    },
    {
      what: 'an event by of-watchdog in http mode',
      headers: { ...byGateway, ...eventHeaders, 'x-duration-seconds': '0', 'x-timeout': '30s' },
      body: '',
    },
  ])('handles $what at any path, and sets a Content-Type on its empty response', async ({ headers, body }) => {
    for (const path of ['/', '/a/path?with=query'])
      expect(await ask(direct('reconcile'), path, { headers, body })).toEqual(done);
  });

  it.each(functionNames)('%s accepts the empty POST of cron-connector', async (name) => {
    const headers = {
      ...byGateway,
      'user-agent': 'Go-http-client/1.1',
      'x-connector': 'cron-connector',
      'x-topic': 'cron-function',
    };
    expect(await ask(direct(name), '/', { headers })).toEqual(done);
  });

  it('is called by cron-connector through the gateway if it has a schedule', async () => {
    expect(await calledByCron()).toEqual(['imagecache-refresh', 'imagecache-purge']);
    const connector = await startCronConnector(() => platform.gateway().port);
    try {
      const before = asked.length;
      expect((await ask(connector.port, '/')).status).toBe(204);
      expect(asked.slice(before).filter((call) => call.includes('/imagecaches?'))).toHaveLength(2);
      await platform.kill('purge');
      expect((await ask(connector.port, '/')).status).toBe(503);
    } finally {
      connector.close();
      await platform.start('purge');
    }
  });

  it('refuses requests that are not events permanently, so that they are not retried', async () => {
    const headers = { ...byGateway, 'content-type': 'application/json' };
    expect(await ask(direct('reconcile'), '/', { headers, body: '{"a":1}' })).toMatchObject({ status: 400 });
    expect(await ask(direct('reconcile'), '/', { method: 'GET' })).toMatchObject({ status: 404 });
  });

  it.each(['/_/health', '/_/ready'])('answers the probe %s', async (path) => {
    for (const name of functionNames)
      expect(
        await ask(direct(name), path, { method: 'GET', headers: { 'user-agent': 'kube-probe/1.30' } }),
      ).toMatchObject({ status: 200 });
  });

  it('reports liveness by a lock file', () => expect(access(join(temporary, '.lock'))).resolves.toBeUndefined());
});

describe('the stand-in of the gateway', () => {
  const through = (path: string, options: Parameters<typeof ask>[2] = {}): Promise<Told> =>
    ask(platform.gateway().port, path, options);

  it('forwards events by name, with and without a namespace', async () => {
    const headers = { ...eventHeaders, 'content-length': '0' };
    for (const path of ['/function/imagecache-reconcile', '/function/imagecache-reconcile.openfaas-fn/x'])
      expect(await through(path, { headers })).toEqual(done);
  });

  it('has no queue, and no function of another name', async () => {
    expect(await through('/async-function/imagecache-reconcile')).toMatchObject({ status: 404 });
    expect(await through('/function/none', { headers: eventHeaders })).toMatchObject({ status: 503 });
  });

  it('answers 503 for a function that was killed, and forwards events again when it is back', async () => {
    await platform.kill('purge');
    expect(await through('/function/imagecache-purge', { headers: eventHeaders })).toMatchObject({ status: 503 });
    await platform.start('purge');
    expect(await through('/function/imagecache-purge', { headers: eventHeaders })).toEqual(done);
  });
});

/** The fields of stack.yml that faas-cli supports; it ignores others silently. */
const stack = z.strictObject({
  version: z.literal(1),
  provider: z.strictObject({ name: z.literal('openfaas'), gateway: z.string() }),
  functions: z.record(
    z.string(),
    z.strictObject({
      lang: z.literal('dockerfile'),
      handler: z.string(),
      skip_build: z.literal(true),
      image: z.string(),
      readonly_root_filesystem: z.literal(true),
      environment: z.record(z.string(), z.string()),
      labels: z.record(z.string(), z.string()),
      annotations: z.record(z.string(), z.string()),
      requests: z.record(z.string(), z.string()),
      limits: z.record(z.string(), z.string()),
    }),
  ),
});

describe('stack.yml', () => {
  it('has the four functions, each under its own name and with a timeout above that of a handler', async () => {
    const { functions } = stack.parse(parse(await readFile(join(root, 'stack.yml'), 'utf8'), { merge: true }));
    expect(Object.keys(functions).toSorted()).toEqual(functionNames.map(deployedName).toSorted());
    for (const [name, { environment }] of Object.entries(functions)) {
      expect(`imagecache-${environment['FUNCTION'] ?? ''}`).toBe(name);
      for (const limit of ['exec_timeout', 'read_timeout', 'write_timeout'])
        expect(Number.parseInt(environment[limit] ?? '', 10), `${name} ${limit}`).toBeGreaterThan(20);
    }
    expect(functions['imagecache-refresh']?.annotations).toMatchObject({
      topic: 'cron-function',
      schedule: '* * * * *',
    });
  });
});

it('all functions exit with 0 at SIGTERM, and remove the lock file', async () => {
  expect(await platform.stop()).toBe(true);
  await expect(access(join(temporary, '.lock'))).rejects.toThrow('ENOENT');
}, 30_000);
