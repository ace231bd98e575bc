import { describe, expect, it } from 'vitest';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { maxNodesStarted } from '#model/desired/rollout.ts';
import { createMetrics } from '#runtime/process/metrics.ts';
import { functionMetrics, observeKubeFledged } from '#runtime/process/process-metrics.ts';
import { watchControllers } from '#runtime/kube-fledged/watch-controllers.ts';
import {
  aCache,
  aNode,
  cachePath,
  changed,
  completed,
  eventsPath,
  jobsPath,
  scene,
  tick,
  type Scene,
} from './scene.ts';
import { recordedLog } from './recorded-log.ts';
import { noon } from './model/builders.ts';
import { quiet, begun } from './begun.ts';

/** A cache whose round has begun on so many nodes; its status was written so many milliseconds ago, and its Jobs are missing. */
async function writtenBefore(age: number, nodes: number): Promise<Scene> {
  const on = scene();
  on.cache();
  on.nodes(...Array.from({ length: nodes }, (_, index) => `node-${index}`));
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  const { metadata, ...rest } = on.api.read(cachePath()) ?? { metadata: { name: '' } };
  const written = { subresource: 'status', time: new Date(noon).toISOString() };
  on.api.put(cachePath(), { ...rest, metadata: { ...metadata, managedFields: [written] } });
  for (const job of on.jobs()) on.api.remove(`${jobsPath}/${job}`);
  on.wait(age);
  return on;
}

it('reconcile leaves a large cache that a source has just found until nobody else has written its status for 15 s', async () => {
  for (const [nodes, age, afterMs] of [
    [100, 0, 15_000],
    [100, 12_000, 3_000],
    [100, 14_900, 1_000],
    [100, 15_000, undefined],
    [99, 0, undefined],
  ] as const) {
    const on = await writtenBefore(age, nodes);
    const done = reconcile(changed(aCache, { verb: 'add' }), on.context);
    if (afterMs === undefined) await done;
    else await expect(done).rejects.toMatchObject({ name: 'RetryLater', afterMs });
    expect(on.jobs(), `${nodes} nodes, ${age} ms`).toHaveLength(afterMs === undefined ? nodes : 0);
  }
});

describe('refresh, on a tick,', () => {
  it('drives a cache through its round without other events', async () => {
    const on = scene();
    on.cache();
    on.nodes('node-1', 'node-2');
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 1 } });
    expect(on.jobs()).toEqual([]);
  });

  it('creates the Job of a node that was started before a crash', async () => {
    const on = await begun();
    const jobs = on.jobs();
    for (const job of jobs) on.api.remove(`${jobsPath}/${job}`);
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual(jobs);
    expect(quiet(on)).toEqual([`PATCH ${cachePath()}/status`, `POST ${jobsPath}`]);
  });

  it('skips a large cache that was reconciled just now, and no other', async () => {
    for (const [nodes, age, isLeft] of [
      [100, 14_000, true],
      [100, 15_000, false],
      [100, -14_000, true],
      [100, -15_000, false],
      [99, 0, false],
    ] as const) {
      const on = await writtenBefore(age, nodes);
      await refresh(tick, on.context);
      await reconcile(changed(aCache), on.context);
      expect(on.jobs(), `${nodes} nodes, ${age} ms`).toHaveLength(isLeft ? 0 : nodes);
    }
  });

  it('enforces the deadline of a Pod without results, and then pulls its images one by one', async () => {
    const on = await begun();
    for (const job of on.jobs()) on.pod(job, { phase: 'Pending' });
    on.wait(301_000);
    await refresh(tick, on.context);
    expect(on.live().status.nodes['node-1']).toMatchObject({ attempt: 2, oneImagePerJob: true, images: 'r' });
    expect(on.jobs()).toHaveLength(1);
  });

  it('serves a node that joined without an event, and drops one that left', async () => {
    const on = await begun();
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    on.api.remove('/api/v1/nodes/node-1');
    on.nodes('node-2');
    await refresh(tick, on.context);
    expect(on.live().status.nodes).toMatchObject({ 'node-2': { state: 'Pulling' } });
    expect(Object.keys(on.live().status.nodes)).toEqual(['node-2']);
  });

  it('reads only caches, nodes and Jobs if nothing is due', async () => {
    const on = await begun();
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    on.wait(180_000);
    on.api.newCalls();
    await refresh(tick, on.context);
    expect(on.api.newCalls().map((call) => call.replace(/\?.*/, ''))).toEqual([
      'GET /apis/kubefledged.io/v1alpha2/imagecaches',
      'GET /api/v1/nodes',
      'GET /apis/batch/v1/jobs',
    ]);
  });

  it('deletes Jobs left over by a crash after the end of a round', async () => {
    const on = await begun();
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    on.api.refuse(/^DELETE/, refusal(500, 'InternalError', 'hiccup'), 99);
    await refresh(tick, on.context);
    expect(on.live().status.status).toBe('Succeeded');
    on.api.acceptAll();
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual([]);
  });

  it('lists no Jobs of a cache that it reconciles anyway', async () => {
    const on = await begun();
    on.cache({ cacheSpec: [{ images: ['app:1'] }], suspend: true }, 'second');
    await refresh(tick, on.context);
    const listed = async (): Promise<readonly string[]> => {
      on.api.newCalls();
      await refresh(tick, on.context);
      return on.api.newCalls().filter((call) => call.startsWith('GET /apis/batch/v1/jobs'));
    };
    expect(await listed()).toEqual([expect.stringContaining('kubefledged.io/cache-uid+notin+(uid-of-web)')]);
    on.api.remove(cachePath('second'));
    expect(await listed()).toEqual([]);
  });

  it('ignores other events, and reads only the cache if it requests nothing', async () => {
    const on = await begun();
    await refresh(changed(aNode('node-1')), on.context);
    await refresh(changed(aCache, { verb: 'delete' }), on.context);
    expect(on.api.newCalls()).toEqual([]);
    await refresh(changed(aCache), on.context);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`]);
  });

  it('leaves waiting nodes to other events until a tick', async () => {
    const on = scene();
    on.cache();
    on.nodes(...Array.from({ length: maxNodesStarted + 2 }, (_, index) => `node-${index + 1}`));
    on.api.refuse(/^PATCH .*status$/, () => undefined);
    on.api.refuse(/^PATCH .*status$/, refusal(500, 'InternalError', 'hiccup'));
    await expect(reconcile(changed(aCache, { verb: 'add' }), on.context)).rejects.toThrow('hiccup');
    on.api.newCalls();
    await refresh(changed(aCache), on.context);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`]);
    on.wait(60_000);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(maxNodesStarted + 2);
  });

  it('ends the round of a suspended cache, and deletes its Jobs', async () => {
    const on = await begun();
    on.edit({ cacheSpec: [{ images: ['app:1', 'base:2'] }], suspend: true });
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Aborted' });
    expect(on.jobs()).toEqual([]);
    expect(on.api.read(cachePath())?.metadata.name).toBe('web');
  });
});

it('keeps a node that joins while a large round starts its nodes', async () => {
  const on = scene();
  on.cache({ cacheSpec: [{ images: ['app:1'] }] });
  on.nodes(...Array.from({ length: maxNodesStarted + 200 }, (_, index) => `node-${1000 + index}`));
  const { cluster } = on.context;
  let isDone = false;
  const writeStatus: typeof cluster.writeStatus = async (cache, status) => {
    const version = await cluster.writeStatus(cache, status);
    if (!isDone) {
      isDone = true;
      on.nodes('node-late');
      await reconcile(changed(aNode('node-late'), { verb: 'add' }), on.context);
      expect(Object.keys(on.live().status.nodes)).toContain('node-late');
    }
    return version;
  };
  await refresh(tick, { ...on.context, cluster: { ...cluster, writeStatus } });
  // Nodes are listed in pages of a hundred, once.
  expect(on.api.calls.filter((call) => /^GET .*nodes\?(?!.*hostname)/.test(call))).toHaveLength(6);
  expect(on.jobs()).toHaveLength(maxNodesStarted + 201);
  expect(Object.keys(on.live().status.nodes)).toContain('node-late');
});

describe('a kube-fledged that is started after the product', () => {
  const controller = '/api/v1/namespaces/kube-fledged/pods/kubefledged-controller-x';
  const image = 'docker.io/senthilrch/kubefledged-controller:v0.10.0';
  const start = (on: Scene): void =>
    on.api.put(controller, {
      metadata: {
        namespace: 'kube-fledged',
        name: 'kubefledged-controller-x',
        labels: { kubefledged: 'kubefledged-controller' },
      },
      spec: { containers: [{ image }] },
      status: { phase: 'Running' },
    });
  const events = (on: Scene) => on.api.list(eventsPath).filter(({ reason }) => reason === 'KubeFledgedRuns');
  const watched = async () => {
    const on = await begun();
    const { log, lines } = recordedLog();
    const kubeFledged = watchControllers(on.api, []);
    const logged = () =>
      lines().filter((line) => `${String(line['msg'])} ${String(line['task'])}`.includes('kube-fledged'));
    return { on, logged, kubeFledged, context: { ...on.context, log, kubeFledged } };
  };

  it('is reported by the next tick: once in the log, by an Event of each cache, and by a metric, until it is gone', async () => {
    const { on, logged, kubeFledged, context } = await watched();
    const metrics = createMetrics(functionMetrics);
    observeKubeFledged(metrics, context);
    const metric = async () => /^imagecache_kube_fledged_controllers (\d+)$/m.exec((await metrics.scrape()).text)?.[1];
    on.cache(undefined, 'other');
    await refresh(tick, context);
    expect([logged(), events(on), kubeFledged.count(), await metric()]).toEqual([[], [], 0, '0']);
    start(on);
    for (let ticks = 0; ticks < 3; ticks += 1) await refresh(tick, context);
    expect(logged()).toMatchObject([{ level: 'warn', controllers: ['kube-fledged/kubefledged-controller-x'] }]);
    const messages = events(on).map((event) => String(event['message']));
    expect(messages).toHaveLength(2);
    for (const message of messages)
      expect(message).toMatch(/^kube-fledged runs in this cluster, too: .*kubectl imagecache migrate --check/);
    expect(JSON.stringify(events(on))).not.toContain('kubefledged-controller-x');
    expect(await metric()).toBe('1');
    on.api.remove(controller);
    await refresh(tick, context);
    expect([logged()[1], kubeFledged.count(), await metric()]).toMatchObject([{ msg: 'kube-fledged is gone' }, 0, '0']);
  });

  it('is not fought: Jobs that it deletes are created again', async () => {
    const { on, context } = await watched();
    const jobs = on.jobs();
    for (const job of jobs) on.api.remove(`${jobsPath}/${job}`);
    start(on);
    await refresh(tick, context);
    expect(on.jobs()).toEqual(jobs);
    expect(on.api.read(controller)).toBeDefined();
  });

  it('keeps no tick from its other work if it cannot be seen', async () => {
    for (const [status, lines] of [
      [403, 0],
      [500, 1],
    ] as const) {
      const { on, logged, context } = await watched();
      const jobs = on.jobs();
      for (const job of jobs) on.api.remove(`${jobsPath}/${job}`);
      on.api.refuse(
        ({ path }) => path.includes('kubefledged-controller'),
        refusal(status, 'Refused', 'kube-fledged cannot be seen'),
      );
      await refresh(tick, context);
      expect([on.jobs(), logged().length]).toEqual([jobs, lines]);
    }
  });
});
