import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { readConfig } from '#runtime/config/config.ts';
import { limiter } from '#runtime/api/limits.ts';
import { createLog } from '#runtime/process/log.ts';
import { serve } from '#runtime/http/serve.ts';
import { handlers } from '../../functions/handlers.ts';
import { seededRandom } from '../chaos/seeded-random.ts';
import { inMemoryApi } from '../support/api/in-memory-api.ts';
import { nodeNamed, nodePath } from '../functions/scene.ts';
import { inMemoryRegistry } from '../support/registry/in-memory-registry.ts';
import { isLawfulPath } from './api-path.ts';
import { hostileRequest } from './hostile-requests.ts';
import type { Hostile } from './request-bytes.ts';

export type FuzzResult = {
  readonly requests: number;
  /** Responses by status; 0 for connections that were closed without one. */
  readonly statuses: Readonly<Record<number, number>>;
  /** Milliseconds until the slowest response to a complete request. */
  readonly slowest: number;
  /** Growth of the process in megabytes. */
  readonly growth: number;
  /** Violations, a line each. */
  readonly wrong: readonly string[];
};

export type FuzzOptions = {
  readonly requests: number;
  readonly seed: number;
  /** Concurrent sockets. Default 32. */
  readonly atOnce?: number;
};

/** Allowed responses: 204, a permanent refusal, or retry later. 404 and 405 only if the request was not a POST. */
const lawful: ReadonlySet<number> = new Set([204, 400, 413, 415, 422, 431, 503]);

/** Sends hostile requests to the four functions on an in-memory cluster, and checks their effects. */
export async function runFuzz({ requests, seed, atOnce = 32 }: FuzzOptions): Promise<FuzzResult> {
  const wrong: string[] = [];
  const note = (line: string): void => {
    if (wrong.length < 50) wrong.push(line);
  };
  const lockFolder = await mkdtemp(join(tmpdir(), 'fuzz-'));
  const served = await serve({ ...target(note), lockFolder, port: 0, host: '127.0.0.1' });
  const draw = seededRandom(seed, 'fuzz');
  const statuses = new Map<number, number>();
  const inTurn = limiter(atOnce);
  const never = new AbortController().signal;
  let slowest = 0;
  const before = memory();
  const send = async (request: Hostile): Promise<void> => {
    const begin = performance.now();
    const status = await answerTo(served.port, request);
    const took = performance.now() - begin;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (request.isWhole) slowest = Math.max(slowest, took);
    const isLawful =
      status === 0 ? !request.isWhole : lawful.has(status) || (status === 405 && request.kind === 'another method');
    if (!isLawful)
      note(`${request.kind}: ${status}: ${JSON.stringify(request.pieces[0]?.toString('latin1').slice(0, 300))}`);
  };
  const crawling = openSlowConnections(served.port);
  for (let sent = 0; sent < requests; sent += 1000) {
    const some = Array.from({ length: Math.min(1000, requests - sent) }, () => hostileRequest(draw));
    await Promise.all(some.map((request) => inTurn(() => send(request), never)));
  }
  const growth = memory() - before;
  crawling.end();
  if (Object.keys(Object.prototype).length > 0 || 'isAdmin' in {}) note('the prototype of all objects was changed');
  await served.close();
  await rm(lockFolder, { recursive: true, force: true });
  return { requests, statuses: Object.fromEntries(statuses), slowest, growth, wrong };
}

const memory = (): number => process.memoryUsage.rss() / 1e6;

/** The four functions on a cluster of one cache and one node; every requested path is checked. */
function target(note: (line: string) => void) {
  const api = inMemoryApi({ now: Date.now });
  api.put(nodePath('node-1'), nodeNamed('node-1'));
  const metadata = { name: 'cache', namespace: 'demo', uid: 'uid-of-cache', generation: 1 };
  api.put('/apis/kubefledged.io/v1alpha2/namespaces/demo/imagecaches/cache', {
    metadata,
    spec: { cacheSpec: [{ images: ['a:1'] }] },
  });
  const request: typeof api.request = async (call) => {
    if (!isLawfulPath(call.path)) note(`asked the API server for ${JSON.stringify(call.path)}`);
    if (call.method !== 'GET' && !/\/namespaces\/(demo|kube-fledged)\//.test(call.path))
      note(`${call.method} ${call.path}`);
    api.newCalls();
    return api.request(call);
  };
  const write = (line: string): void => {
    if (line.includes('"level":"error"') || line.trimEnd().includes('\n')) note(`logged: ${line.slice(0, 400)}`);
  };
  const settings = { ...readConfig([], {}).settings, namespace: 'kube-fledged' };
  const context = {
    ...{ cluster: createCluster({ ...api, request }), settings, registry: inMemoryRegistry() },
    ...{ readsPullSecrets: false, log: createLog('info', { write }), now: Date.now },
  };
  return { handlers, context };
}

/** The response status of a request; 0 if the connection closes without one. */
function answerTo(port: number, { pieces, isWhole }: Hostile): Promise<number> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const patience = setTimeout(() => socket.destroy(), isWhole ? 20_000 : 50);
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer = (answer + chunk).slice(0, 100);
      socket.end();
    });
    socket.on('error', () => undefined).on('end', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(patience);
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0));
    });
    for (const piece of pieces) socket.write(piece);
  });
}

/** Connections that send a byte now and then, without end. */
function openSlowConnections(port: number): { readonly end: () => void } {
  const ending = new AbortController();
  const sockets = Array.from({ length: 100 }, () =>
    net.connect({ port, host: '127.0.0.1' }).on('error', () => undefined),
  );
  const crawl = async (): Promise<void> => {
    for (const byte of `POST /reconcile HTTP/1.1\r\nx: ${'y'.repeat(10_000)}`) {
      for (const socket of sockets) if (!socket.destroyed) socket.write(byte);
      await pause(500, undefined, { signal: ending.signal });
    }
  };
  crawl().catch(() => undefined);
  return {
    end: () => {
      ending.abort();
      for (const socket of sockets) socket.destroy();
    },
  };
}
