import http from 'node:http';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Notice } from '#model/cache/cloud-event.ts';
import { createApi } from '../../../../functions/runtime/api/create-api.ts';
import { Rejected, RetryLater } from '../../../../functions/runtime/errors.ts';
import type { Context, Handler } from '../../../../functions/runtime/handler.ts';
import {
  functionMetrics,
  meteredHandlers,
  callMeter,
  processMetrics,
} from '../../../../functions/runtime/process/process-metrics.ts';
import { createMetrics, type Meter } from '../../../../functions/runtime/process/metrics.ts';
import { metricsSite } from '../../../../functions/runtime/http/site.ts';
import { scene } from '../../scene.ts';
import { answer, scriptedServer } from '../../../support/scripted-server.ts';

const definitions = {
  taken_total: { type: 'counter', help: 'Taken', labels: ['kind'] },
  wait_seconds: { type: 'histogram', help: 'Wait', labels: [], buckets: [1, 10] },
  depth: { type: 'gauge', help: 'Depth', labels: ['of'] },
} as const;

const lines = async (metrics: { scrape: () => Promise<{ text: string }> }): Promise<readonly string[]> =>
  (await metrics.scrape()).text.split('\n');

/** Everything that was recorded, as "name{labels} value" with values of durations left out. */
function notebook(): { meter: Meter<string>; told: string[] } {
  const told: string[] = [];
  const record: Meter<string>['record'] = (name, value, labels = {}) =>
    void told.push(`${name} ${Object.values(labels).join(' ')}${name.endsWith('_seconds') ? '' : ` ${value}`}`);
  return { meter: { record }, told };
}

describe('metrics', () => {
  it('report all recorded values, before the first scrape and after it', async () => {
    const metrics = createMetrics(definitions);
    metrics.record('taken_total', 2, { kind: 'a' });
    metrics.record('wait_seconds', 5);
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining(['taken_total{kind="a"} 2', 'wait_seconds_bucket{le="10"} 1', '# TYPE depth gauge']),
    );
    metrics.record('taken_total', 1, { kind: 'a' });
    expect(await lines(metrics)).toContain('taken_total{kind="a"} 3');
  });

  it('are collected once for scrapes at the same time, and anew for the next', async () => {
    const metrics = createMetrics(definitions);
    let reads = 0;
    metrics.gauge('depth', () => [{ value: (reads += 1), labels: { of: 'x' } }]);
    for (const texts of await Promise.all(Array.from({ length: 16 }, () => lines(metrics))))
      expect(texts).toContain('depth{of="x"} 1');
    expect(await lines(metrics)).toContain('depth{of="x"} 2');
  });

  it('read a gauge at each scrape, and drop samples that it no longer has', async () => {
    const metrics = createMetrics(definitions);
    let samples = [{ value: 7, labels: { of: 'x' } }];
    metrics.gauge('depth', () => samples);
    expect(await lines(metrics)).toContain('depth{of="x"} 7');
    samples = [];
    expect((await lines(metrics)).filter((line) => line.startsWith('depth'))).toEqual([]);
  });

  it('lose nothing if a process is scraped late', async () => {
    const metrics = createMetrics(definitions);
    for (let count = 0; count < 3000; count += 1) metrics.record('taken_total', 1, { kind: 'a' });
    expect(await lines(metrics)).toContain('taken_total{kind="a"} 3000');
  });

  it('are served at /metrics', async () => {
    const metrics = createMetrics(definitions);
    const site = metricsSite(metrics, pino({ level: 'silent' }));
    const server = http.createServer((request, response) => {
      if (!site(request, response)) response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
    const got = await fetch(`${url}/metrics?from=prometheus`);
    expect([got.status, got.headers.get('content-type')]).toEqual([
      200,
      expect.stringMatching(/^text\/plain; version=/),
    ]);
    expect(await got.text()).toContain('process_cpu_seconds_total');
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${url}/metrics/more`)).status).toBe(404);
  });
});

describe('handlers', () => {
  it.each([
    { of: 'done', handler: () => Promise.resolve() },
    { of: 'retry', handler: () => Promise.reject(new RetryLater('busy', 1)) },
    { of: 'rejected', handler: () => Promise.reject(new Rejected('nonsense')) },
    { of: 'error', handler: () => Promise.reject(new TypeError('a bug')) },
  ])('count an event as $of, and keep its outcome', async ({ of, handler }) => {
    const { meter, told } = notebook();
    const plain: Handler = handler;
    const handlers = meteredHandlers({ reconcile: plain, 'job-complete': plain, refresh: plain, purge: plain }, meter);
    const context: Context = scene().context;
    const notice: Notice = { type: 'tick' };
    const settled = await Promise.allSettled([plain(notice, context), handlers['job-complete'](notice, context)]);
    expect(settled[1].status).toBe(settled[0].status);
    expect(told).toEqual([
      `imagecache_events_handled_total job-complete ${of} 1`,
      'imagecache_event_duration_seconds job-complete',
    ]);
  });

  it('count the failures of single caches in a tick that is done', async () => {
    const { meter, told } = notebook();
    const plain: Handler = (_notice, { countFailure }) => {
      countFailure?.(new TypeError('a bug'));
      countFailure?.(new RetryLater('busy', 1));
      return Promise.resolve();
    };
    const handlers = meteredHandlers({ reconcile: plain, 'job-complete': plain, refresh: plain, purge: plain }, meter);
    await handlers.refresh({ type: 'tick' }, scene().context);
    expect(told.filter((line) => line.includes('_total'))).toEqual([
      'imagecache_events_handled_total refresh error 1',
      'imagecache_events_handled_total refresh retry 1',
      'imagecache_events_handled_total refresh done 1',
    ]);
  });
});

describe('calls to the API server', () => {
  it('are recorded with verb, resource and code of every try', async () => {
    const { meter, told } = notebook();
    const server = await scriptedServer((response, { path }, count) => {
      if (path.startsWith('/api/v1/nodes') && count === 1) answer(response, 429, {});
      else answer(response, path.includes('missing') ? 404 : 200, {});
    });
    const api = createApi({ kubeconfig: '', master: server.url, inCluster: false }, { onCall: callMeter(meter) });
    onTestFinished(async () => {
      api.close();
      await server.close();
    });
    const caches = '/apis/kubefledged.io/v1alpha2/namespaces/apps/imagecaches';
    await api.request({ method: 'GET', path: '/api/v1/nodes?limit=250' });
    await api.request({ method: 'GET', path: '/apis/batch/v1/namespaces/apps/jobs/missing' }).catch(() => undefined);
    await api.request({ method: 'PATCH', path: `${caches}/web/status`, body: {} });
    await api.request({ method: 'GET', path: '/api/v1/namespaces/apps' });
    await api.request({ method: 'POST', path: '/api/v1/namespaces/apps/events', body: {} });
    await api.request({ method: 'DELETE', path: '/apis/apps/v1/namespaces/a/deployments/b' });
    for await (const line of api.lines({ method: 'GET', path: '/api/v1/pods?watch=true' })) expect(line).toBe('{}');
    expect(told.filter((line) => line.includes('_total'))).toEqual(
      [
        'list nodes 429',
        'list nodes 200',
        'get jobs 404',
        'patch imagecaches/status 200',
        'get namespaces 200',
        'create events 200',
        'delete other 200',
        'watch pods 200',
      ].map((labels) => `imagecache_api_requests_total ${labels} 1`),
    );
  });

  it('are recorded without an answer, too', async () => {
    const { meter, told } = notebook();
    const api = createApi(
      { kubeconfig: '', master: 'http://127.0.0.1:9', inCluster: false },
      { onCall: callMeter(meter) },
    );
    onTestFinished(api.close);
    const call = { method: 'GET', path: '/api/v1/nodes/n', signal: AbortSignal.timeout(300) } as const;
    await api.request(call).catch(() => undefined);
    expect(told[0]).toBe('imagecache_api_requests_total get nodes none 1');
  });
});

it('metrics follow the naming rules', () => {
  const all = Object.entries({ ...processMetrics, ...functionMetrics });
  for (const [name, { type }] of all) {
    expect(name).toMatch(/^imagecache_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
  }
});
