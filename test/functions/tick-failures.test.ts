import { describe, expect, it } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import type { Cluster } from '#runtime/cluster/cluster.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { recordedLog } from './recorded-log.ts';
import {
  aNode,
  cachePath,
  changed,
  completed,
  eventsPath,
  jobsPath,
  nodeNamed,
  nodePath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

const forbidden = refusal(403, 'Forbidden', 'jobs.batch is forbidden');
const spec = { cacheSpec: [{ images: ['app:1'] }] };

function twoCaches() {
  const { log, lines } = recordedLog();
  const on = scene({ warmGateTaints: ['example.com/cold'] }, { log });
  on.cache(spec);
  on.cache(spec, 'second');
  on.nodes('node-1');
  return { on, failures: () => lines().filter(({ level }) => level === 'warn' || level === 'error'), lines };
}

/** Replaces one method of the cluster. */
const withCluster = (on: Scene, change: Partial<Cluster>): Scene['context'] => ({
  ...on.context,
  cluster: { ...on.context.cluster, ...change },
});

describe('a tick in which one cache fails', () => {
  it('succeeds: the other cache is served, the failing one is logged by name', async () => {
    const { on, failures } = twoCaches();
    on.api.refuse(/^PATCH .*\/web\/status/, refusal(500, 'InternalError', 'hiccup'));
    await refresh(tick, on.context);
    expect(on.live('second').status.status).toBe('Processing');
    expect(failures()).toEqual([
      expect.objectContaining({ cache: 'apps/web', err: expect.objectContaining({ message: 'hiccup' }) as unknown }),
    ]);
  });

  it('logs every failing cache, an unexpected error with its stack', async () => {
    const { on, failures } = twoCaches();
    const broken = withCluster(on, {
      writeStatus: async (cache) =>
        Promise.reject(cache.name === 'web' ? new TypeError('x is not a function') : forbidden),
    });
    await refresh(tick, broken);
    expect(failures()).toEqual([
      expect.objectContaining({
        level: 'error',
        cache: 'apps/web',
        err: expect.objectContaining({ type: 'TypeError' }) as unknown,
      }),
      expect.objectContaining({ level: 'warn', cache: 'apps/second' }),
    ]);
  });

  it('retries a cache whose Jobs are refused at the next tick', async () => {
    const { on, lines } = twoCaches();
    on.api.refuse(new RegExp(`^POST ${jobsPath}`), forbidden, 2);
    await refresh(tick, on.context);
    expect(lines()).toContainEqual(
      expect.objectContaining({
        level: 'info',
        cache: 'apps/web',
        reason: expect.stringContaining('refused') as unknown,
      }),
    );
    on.api.acceptAll();
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(2);
  });

  it('counts its failure', async () => {
    const { on } = twoCaches();
    const counted: unknown[] = [];
    on.api.refuse(/^PATCH .*\/web\/status/, forbidden);
    await refresh(tick, { ...on.context, countFailure: (error) => void counted.push(error) });
    expect(counted).toEqual([forbidden]);
  });

  it('still records the missing Events of the others', async () => {
    const { on } = twoCaches();
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    for (const { metadata } of on.api.list(eventsPath)) on.api.remove(`${eventsPath}/${metadata.name}`);
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    on.api.refuse(/^PATCH .*\/web\/status/, forbidden, 9);
    await refresh(tick, on.context);
    expect(on.api.list(eventsPath)).toContainEqual(
      expect.objectContaining({ involvedObject: expect.objectContaining({ name: 'second' }) as unknown }),
    );
  });

  it('still records the missing Events of the others if one cache’s Events are refused', async () => {
    const { on, failures } = twoCaches();
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    for (const { metadata } of on.api.list(eventsPath)) on.api.remove(`${eventsPath}/${metadata.name}`);
    on.api.refuse(/^GET .*events/, forbidden);
    await refresh(tick, on.context);
    expect(on.api.list(eventsPath)).toHaveLength(1);
    expect(failures()).toHaveLength(1);
  });

  it('still removes the taint of warm nodes, even if one node can not be patched', async () => {
    const { on, failures } = twoCaches();
    for (const name of ['node-2', 'node-3'])
      on.api.put(nodePath(name), {
        ...nodeNamed(name),
        spec: { taints: [{ key: 'example.com/cold', effect: 'NoSchedule' }] },
      });
    on.api.refuse(/^PATCH .*\/web\/status/, forbidden);
    on.api.refuse(/^PATCH .*\/node-2/, refusal(500, 'InternalError', 'hiccup'));
    await refresh(tick, on.context);
    expect(on.api.read(nodePath('node-3'))?.['spec']).toEqual({ taints: [] });
    expect(failures().map(({ cache, node }) => cache ?? node)).toEqual(['apps/web', 'node-2']);
  });

  it('does not fail purge either', async () => {
    const { on, failures } = twoCaches();
    for (const name of ['web', 'second']) on.cache({ ...spec, deletionPolicy: 'Purge' }, name);
    on.api.refuse(/^PATCH .*\/web$/, forbidden);
    await purge(tick, on.context);
    expect(on.live('second').finalizers).toEqual(['kubefledged.io/purge']);
    expect(failures().map(({ cache }) => cache)).toEqual(['apps/web']);
  });
});

describe('a Node event without a cache', () => {
  it('reaches the other caches if one fails, then fails to be retried', async () => {
    const { on } = twoCaches();
    on.api.refuse(/^PATCH .*\/web\/status/, forbidden);
    await expect(reconcile(changed(aNode('node-1'), { verb: 'add', isFrom: 'knative' }), on.context)).rejects.toBe(
      forbidden,
    );
    expect(on.live('second').status.status).toBe('Processing');
  });
});

describe('a Node event of Knative', () => {
  it('reaches only the caches that select the node or have it in their status', async () => {
    const { on } = twoCaches();
    on.cache({ cacheSpec: [{ images: ['app:1'], nodeSelector: { pool: 'other' } }] }, 'elsewhere');
    const driven: string[] = [];
    const cache: Cluster['cache'] = async (reference) => {
      driven.push(reference.name);
      return on.context.cluster.cache(reference);
    };
    const joined = changed(aNode('node-1'), { verb: 'add', isFrom: 'knative' });
    await reconcile(joined, withCluster(on, { cache }));
    expect(new Set(driven)).toEqual(new Set(['web', 'second']));
    const left = { cacheSpec: [{ images: ['app:1'], nodeSelector: { pool: 'other' } }] };
    on.api.put(cachePath('second'), { ...on.api.read(cachePath('second')), spec: left });
    driven.length = 0;
    await reconcile(joined, withCluster(on, { cache }));
    expect(new Set(driven)).toEqual(new Set(['web', 'second']));
  });
});

describe('a tick', () => {
  it.each([
    { name: 'refresh', handler: refresh },
    { name: 'purge', handler: purge },
  ])('fails if $name can not list the caches', async ({ handler }) => {
    const { on } = twoCaches();
    on.api.refuse(/^GET .*imagecaches$/, forbidden);
    await expect(handler(tick, on.context)).rejects.toBe(forbidden);
  });

  it('fails when the process stops before it is done', async () => {
    const { on } = twoCaches();
    const stop = new AbortController();
    stop.abort(new Error('stopping'));
    await expect(refresh(tick, { ...on.context, signal: stop.signal })).rejects.toThrow('stopping');
  });
});
