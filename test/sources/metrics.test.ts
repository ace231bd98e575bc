import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { labels } from '#model/cache/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { createMetrics } from '#runtime/process/metrics.ts';
import { DeliveryFailed, DeliveryRefused } from '../../sources/sink/sink.ts';
import { observeSources, sourceMetrics } from '../../sources/source-metrics.ts';
import { startSources } from '../../sources/start-sources.ts';
import { inMemoryApi, type InMemoryApi } from '../support/api/in-memory-api.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { imageCache, job, node, pod } from './objects.ts';

const ended = (name: string, finishedAt: string, metadata = {}) =>
  pod(
    { name, ...metadata },
    {
      phase: 'Succeeded',
      startTime: '2026-11-24T00:00:00Z',
      containerStatuses: [{ name: 'i', state: { terminated: { finishedAt } } }],
    },
  );

async function world(prepare: (api: InMemoryApi) => void) {
  const [api, clock] = [inMemoryApi(), fakeClock()];
  prepare(api);
  const metrics = createMetrics(sourceMetrics);
  let answer: Error | undefined;
  const sink = () => (answer === undefined ? Promise.resolve() : Promise.reject(answer));
  const sources = startSources({
    ...{ api, clock, sink, log: pino({ level: 'silent' }), tickSchedule: '', meter: metrics },
    warmGateTaints: ['example.com/cold'],
  });
  observeSources(metrics, sources);
  await clock.advance(0);
  return {
    api,
    clock,
    stop: async () => {
      await sources.stop();
    },
    fail: (error: Error | undefined) => void (answer = error),
    lines: async (start: string) =>
      (await metrics.scrape()).text
        .split('\n')
        .filter((line) => line.startsWith(`imagecache_${start}`) && !line.endsWith(' 0')),
  };
}

describe('the source has metrics of', () => {
  it('its own state, caches by status and nodes by state', async () => {
    const status = {
      format: 1,
      status: 'Failed',
      observedGeneration: 1,
      nodes: {
        a: { id: '1', desiredHash: 'w', attempt: 1, state: 'Failed', images: 'fp' },
        away: { id: '2', desiredHash: 'w', attempt: 1, state: 'Ready', reason: 'NotReady' },
        held: { id: '3', desiredHash: 'w', attempt: 0, state: 'Held', reason: 'RolloutStopped' },
        late: { id: '4', desiredHash: 'w', attempt: 0, state: 'Pending', reason: 'RegistryRests' },
      },
    };
    const { lines, stop } = await world((api) => {
      api.apply(imageCache({ name: 'new' }));
      api.apply(imageCache({ name: 'bad' }, { status }));
    });
    expect(await lines('leader')).toEqual(['imagecache_leader 1']);
    expect(await lines('source_synced')).toEqual(['imagecache_source_synced 1']);
    expect(await lines('caches')).toEqual([
      'imagecache_caches{status="New"} 1',
      'imagecache_caches{status="Failed"} 1',
    ]);
    expect(await lines('cache_nodes')).toEqual([
      'imagecache_cache_nodes{state="Failed"} 1',
      'imagecache_cache_nodes{state="Skipped"} 1',
      'imagecache_cache_nodes{state="Held"} 1',
      'imagecache_cache_nodes{state="Waiting"} 1',
    ]);
    expect(await lines('deliveries')).toEqual(['imagecache_deliveries_total{kind="ImageCache",outcome="delivered"} 2']);
    await stop();
    expect(await lines('leader')).toEqual([]);
    expect(await lines('caches')).toEqual([]);
  });

  it('images of workloads, caches for which workloads were not read, and rounds by trigger', async () => {
    const spec = { cacheSpec: [{ imagesFrom: { kinds: ['Deployment'] } }] };
    const lists = [
      {
        list: 0,
        images: [
          { image: 'web:2', workloads: ['Deployment/web'], workloadCount: 1 },
          { image: 'web:1', unnamedSince: '2026-11-24T00:00:00Z' },
        ],
      },
    ];
    const problem = 'The controller has no right to list deployments in namespace apps';
    const round = { number: 1, operation: 'Create', generation: 1, trigger: 'Spec' };
    const { api, clock, lines, stop } = await world((api) => {
      api.apply(imageCache({ name: 'found' }, { spec, status: { format: 1, imagesFrom: { lists }, round } }));
      api.apply(imageCache({ name: 'refused' }, { spec, status: { format: 1, imagesFrom: { problem }, round } }));
    });
    expect(await lines('found_images')).toEqual([
      'imagecache_found_images{state="Named"} 1',
      'imagecache_found_images{state="Kept"} 1',
    ]);
    expect(await lines('unread_workloads')).toEqual(['imagecache_unread_workloads 1']);
    const next = { ...round, number: 2, operation: 'Update', trigger: 'Workloads' };
    api.apply(imageCache({ name: 'found' }, { spec, status: { format: 1, imagesFrom: { lists }, round: next } }));
    api.apply(
      imageCache({ name: 'found' }, { spec, status: { format: 1, imagesFrom: { lists }, round: next, message: 'm' } }),
    );
    await clock.advance(0);
    expect(await lines('rounds')).toEqual(['imagecache_rounds_total{trigger="Workloads"} 1']);
    await stop();
  });

  it('nodes that another pull blocks, once each, whichever caches report them', async () => {
    const blocked = (...nodes: readonly string[]): object => ({
      'app:1': nodes.map((name) => ({ node: name, reason: 'PullsBlocked', message: 'm' })),
    });
    const { lines, stop } = await world((api) => {
      for (const [name, nodes] of Object.entries({ one: ['node-1', 'node-2'], two: ['node-2'] })) {
        const status = { format: 1, failures: blocked(...nodes) };
        api.apply(imageCache({ name }, { spec: { cacheSpec: [{ images: ['app:1'] }] }, status }));
      }
    });
    expect(await lines('blocked')).toEqual(['imagecache_blocked_nodes 2']);
    await stop();
  });

  it('nodes that the warm gate holds, and the age of the oldest', async () => {
    const tainted = (name: string, key: string, createdAt: string) =>
      node({ name, creationTimestamp: createdAt }, { spec: { taints: [{ key, effect: 'NoSchedule' }] } });
    const { api, clock, lines, stop } = await world((api) => {
      api.apply(tainted('old', 'example.com/cold', '2026-11-23T23:50:00Z'));
      api.apply(tainted('new', 'example.com/cold', '2026-11-24T00:00:00Z'));
      api.apply(tainted('other', 'example.com/gpu', '2026-11-01T00:00:00Z'));
    });
    await clock.advance(60_000);
    expect(await lines('gated')).toEqual(['imagecache_gated_nodes 2', 'imagecache_gated_node_age_seconds 660']);
    api.apply(node({ name: 'old', creationTimestamp: '2026-11-23T23:50:00Z' }));
    await clock.advance(0);
    expect(await lines('gated')).toEqual(['imagecache_gated_nodes 1', 'imagecache_gated_node_age_seconds 60']);
    await stop();
  });

  it('deliveries by result, and the queue', async () => {
    const { api, clock, fail, lines, stop } = await world((api) => api.apply(imageCache()));
    fail(new DeliveryFailed('busy', 60_000));
    api.apply(job({}, { conditions: [{ type: 'Complete', status: 'True' }] }));
    await clock.advance(2_000);
    expect(await lines('queue')).toEqual(['imagecache_queue_depth 1', 'imagecache_queue_oldest_seconds 2']);
    fail(new DeliveryRefused('nonsense'));
    await clock.advance(60_000);
    expect(await lines('deliveries')).toEqual([
      'imagecache_deliveries_total{kind="ImageCache",outcome="delivered"} 1',
      'imagecache_deliveries_total{kind="Job",outcome="retry"} 1',
      'imagecache_deliveries_total{kind="Job",outcome="refused"} 1',
    ]);
    await stop();
  });

  it('ended watches by reason', async () => {
    const { api, clock, lines, stop } = await world(() => undefined);
    api.endWatches(new ApiError('gone', { status: 410 }));
    await clock.advance(2_000);
    api.endWatches(new ApiError('no route', { status: 0 }));
    await clock.advance(2_000);
    api.endWatches();
    await clock.advance(2_000);
    const nodes = (await lines('watch_restarts')).filter((line) => line.includes('"nodes"'));
    expect(nodes).toEqual(
      ['expired', 'failed', 'ended'].map(
        (cause) => `imagecache_watch_restarts_total{resource="nodes",cause="${cause}"} 1`,
      ),
    );
    await stop();
  });

  it('the duration of pull Pods, once each, without removal Pods', async () => {
    const { api, clock, lines, stop } = await world((api) => api.apply(ended('before', '2026-11-24T00:00:50Z')));
    api.apply(ended('now', '2026-11-24T00:00:08Z'));
    api.apply(
      ended('removal', '2026-11-24T00:00:08Z', {
        labels: { kubefledged: 'kubefledged-image-manager', [labels.removal]: 'true' },
      }),
    );
    await clock.advance(1_000);
    api.apply(ended('now', '2026-11-24T00:00:08Z', { annotations: { touched: 'yes' } }));
    await clock.advance(1_000);
    expect(await lines('pull_pod_duration_seconds_sum')).toEqual(['imagecache_pull_pod_duration_seconds_sum 8']);
    expect(await lines('pull_pod_duration_seconds_count')).toEqual(['imagecache_pull_pod_duration_seconds_count 1']);
    await stop();
  });
});
