import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTP } from 'cloudevents';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { brokerSink, routeSink } from '../../../sources/sink/http-sink.ts';
import { DeliveryFailed, DeliveryRefused } from '../../../sources/sink/sink.ts';
import { changeEvent, tickEvent } from '../../../sources/sink/to-event.ts';
import { scriptedServer, type ReceivedRequest } from '../../support/scripted-server.ts';

const never = new AbortController().signal;
const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
});

type Reply = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

/** A server that receives events; a request without a reply stays unanswered. */
async function receiver(reply: (request: ReceivedRequest) => Reply | undefined = () => ({ status: 204 })) {
  const server = await scriptedServer((response, request) => {
    const answer = reply(request);
    if (answer !== undefined) response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  closes.push(server.close);
  return { ...server, url: (path = '/') => new URL(path, server.url) };
}

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
const stamp = { id: 'id-1', time: new Date('2026-11-24T10:00:00Z'), traceparent };
const cache = { namespace: 'apps', name: 'web' };
const event = () =>
  changeEvent(
    {
      cache,
      change: {
        verb: 'update',
        object: { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', ...cache },
        uid: 'u1',
        resourceVersion: '42',
        generation: 7,
      },
      others: [],
    },
    'https://10.96.0.1:443',
    stamp,
  );

describe('a broker', () => {
  it('receives the complete event once, in binary mode', async () => {
    const server = await receiver(() => ({ status: 202 }));
    const sent = event();
    await brokerSink(server.url('/default/broker'))(sent, 'ImageCache', never);
    expect(server.received).toHaveLength(1);
    const [got] = server.received;
    expect(got?.path).toBe('/default/broker');
    expect(got?.headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': 'id-1',
      'ce-type': 'dev.knative.apiserver.ref.update',
      'ce-cache': 'apps/web',
      'ce-traceparent': traceparent,
      'ce-generation': '7',
    });
    expect(got?.headers['content-type']).toMatch(/^application\/json/);
    const arrived = HTTP.toEvent({ headers: got?.headers ?? {}, body: got?.body });
    expect(arrived).toMatchObject({ data: sent.data, subject: sent.subject });
  });

  it('receives the configured extensions, which override those of the event', async () => {
    const server = await receiver();
    await brokerSink(server.url(), { extensions: { team: 'infra', cache: 'mine' } })(event(), 'ImageCache', never);
    expect(server.received[0]?.headers).toMatchObject({ 'ce-team': 'infra', 'ce-cache': 'mine' });
  });

  it('receives the current token with each event, and none when there is no token file', async () => {
    const server = await receiver();
    const folder = await mkdtemp(join(tmpdir(), 'sink-'));
    closes.push(() => rm(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    const sink = brokerSink(server.url(), { tokenFile });
    await sink(event(), 'ImageCache', never);
    await writeFile(tokenFile, 'one\n');
    await sink(event(), 'ImageCache', never);
    await writeFile(tokenFile, 'two\n');
    await sink(event(), 'ImageCache', never);
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      'Bearer one',
      'Bearer two',
    ]);
  });

  it('is not waited for after the delivery was aborted', async () => {
    const server = await receiver(() => undefined);
    const stopping = new AbortController();
    const delivery = brokerSink(server.url())(event(), 'ImageCache', stopping.signal);
    await vi.waitFor(() => expect(server.received).toHaveLength(1), { timeout: 10_000 });
    stopping.abort(new Error('stopping'));
    await expect(delivery).rejects.toThrow(DeliveryFailed);
  });

  it.each([400, 413, 415, 422])('is not sent the event again after it answered %i', async (status) => {
    const server = await receiver(() => ({ status, body: 'no such kind' }));
    const delivery = brokerSink(server.url())(event(), 'ImageCache', never);
    await expect(delivery).rejects.toThrow(DeliveryRefused);
    await expect(delivery).rejects.toThrow(`${status} no such kind`);
  });

  it.each([301, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504])(
    'is sent the event again after it answered %i',
    async (status) => {
      const server = await receiver(() => ({ status }));
      await expect(brokerSink(server.url())(event(), 'ImageCache', never)).rejects.toThrow(DeliveryFailed);
    },
  );

  it.each([
    { header: '7', ms: 7_000 },
    { header: 'soon', ms: undefined },
  ])('may answer with Retry-After "$header", parsed as $ms', async ({ header, ms }) => {
    const server = await receiver(() => ({ status: 503, headers: { 'retry-after': header } }));
    await expect(brokerSink(server.url())(event(), 'ImageCache', never)).rejects.toMatchObject({ retryAfterMs: ms });
  });

  it('fails the delivery at the timeout when it does not answer', async () => {
    const server = await receiver(() => undefined);
    await expect(brokerSink(server.url(), { timeout: 50 })(event(), 'ImageCache', never)).rejects.toThrow(
      DeliveryFailed,
    );
  });

  it('is trusted over TLS only with the configured CA certificates', async () => {
    const file = (name: string) => readFile(join(import.meta.dirname, '../tls', name), 'utf8');
    const [cert, key] = [await file('certificate.pem'), await file('key.pem')];
    const server = createServer({ cert, key }, (_, response) => response.writeHead(202).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closes.push(async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
    const address = server.address();
    const url = new URL(`https://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`);
    await brokerSink(url, { caCertificates: cert })(event(), 'ImageCache', never);
    await expect(brokerSink(url)(event(), 'ImageCache', never)).rejects.toThrow(DeliveryFailed);
  });

  it('fails the delivery when it is unreachable', async () => {
    const server = await receiver();
    await closes.pop()?.();
    await expect(brokerSink(server.url())(event(), 'ImageCache', never)).rejects.toThrow(DeliveryFailed);
  });
});

describe('a routing table', () => {
  const table = (server: { url: (path: string) => URL }) =>
    routeSink({ reconcile: server.url('/reconcile'), refresh: server.url('/refresh'), purge: server.url('/purge') });

  it('sends an event to every function that handles it', async () => {
    const server = await receiver();
    await table(server)(event(), 'ImageCache', never);
    expect(server.received.map(({ path }) => path)).toEqual(['/reconcile', '/refresh', '/purge']);
  });

  it('sends a tick to refresh and purge', async () => {
    const server = await receiver();
    await table(server)(tickEvent(stamp), 'tick', never);
    expect(server.received.map(({ path }) => path)).toEqual(['/refresh', '/purge']);
  });

  it('skips a function without an address', async () => {
    const server = await receiver();
    await table(server)(event(), 'Job', never);
    expect(server.received).toEqual([]);
  });

  it('retries an event only at the functions that failed', async () => {
    let isDown = true;
    const server = await receiver(({ path }) => ({ status: path === '/refresh' && isDown ? 503 : 204 }));
    const [sink, sent] = [table(server), event()];
    await expect(sink(sent, 'ImageCache', never)).rejects.toThrow(DeliveryFailed);
    expect(server.received.map(({ path }) => path)).toEqual(['/reconcile', '/refresh', '/purge']);
    isDown = false;
    await sink(sent, 'ImageCache', never);
    expect(server.received.map(({ path }) => path).slice(3)).toEqual(['/refresh']);
  });

  it('does not retry at a function that refused, and retries at one that failed', async () => {
    let isDown = true;
    const server = await receiver(({ path }) => ({ status: path === '/reconcile' ? 422 : isDown ? 503 : 204 }));
    const [sink, sent] = [table(server), event()];
    await expect(sink(sent, 'ImageCache', never)).rejects.toThrow(DeliveryFailed);
    isDown = false;
    await sink(sent, 'ImageCache', never);
    expect(server.received.map(({ path }) => path).slice(3)).toEqual(['/refresh', '/purge']);
  });

  it('reports a refusal when no function failed', async () => {
    const server = await receiver(({ path }) => ({ status: path === '/reconcile' ? 422 : 204 }));
    await expect(table(server)(event(), 'ImageCache', never)).rejects.toThrow(DeliveryRefused);
  });
});
