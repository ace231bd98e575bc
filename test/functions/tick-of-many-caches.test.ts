import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { boundTable, createBounds } from '#runtime/bounds.ts';
import { maxNodesAge } from '#runtime/cluster/nodes.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { recordedLog } from './recorded-log.ts';
import { aCache, aNode, cachePath, changed, completed, scene, tick, type Scene } from './scene.ts';

const names = Array.from({ length: 20 }, (_, index) => `cache-${index}`);

function manyCaches(spec: object = { cacheSpec: [{ images: ['app:1'] }] }) {
  const { log, lines } = recordedLog();
  const on = scene({}, { log });
  for (const name of names) on.cache(spec, name);
  on.nodes('node-1', 'node-2');
  return { on, lines };
}

const nodeListings = (on: Scene): number =>
  on.api.newCalls().filter((call) => call.startsWith('GET /api/v1/nodes')).length;

it('lists Nodes once for 20 caches whose refreshes are due together', async () => {
  const { on } = manyCaches({ cacheSpec: [{ images: ['app:1'] }], refresh: { intervalSeconds: 60 } });
  await refresh(tick, on.context);
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, on.context);
  on.wait(70_000);
  nodeListings(on);
  for (const name of names)
    await refresh({ ...changed({ ...aCache, name }), cache: { namespace: 'apps', name } }, on.context);
  for (const name of names) expect(on.live(name).status.round).toMatchObject({ number: 2, trigger: 'Schedule' });
  expect(nodeListings(on)).toBe(1);
});

it('lists Nodes once when refreshes that annotations have requested end at once', async () => {
  const { on } = manyCaches();
  await refresh(tick, on.context);
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, on.context);
  for (const name of names) {
    const before = on.api.read(cachePath(name));
    const annotations = { 'kubefledged.io/refresh-imagecache': '' };
    on.api.put(cachePath(name), { ...before, metadata: { ...before?.metadata, annotations } });
  }
  nodeListings(on);
  await refresh(tick, on.context);
  for (const name of names) {
    expect(on.live(name).annotations).toEqual({});
    expect(on.live(name).status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
  }
  expect(nodeListings(on)).toBe(1);
});

describe('a tick with 20 caches that are due', () => {
  it('lists Nodes once for all of them', async () => {
    const { on } = manyCaches();
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(40);
    expect(nodeListings(on)).toBe(1);
  });

  it('lists Nodes again when the tick lasts long', async () => {
    const { on } = manyCaches();
    const { cluster } = on.context;
    const slow: typeof cluster.writeStatus = async (cache, status) => {
      on.wait(maxNodesAge / 8);
      await cluster.writeStatus(cache, status);
    };
    await refresh(tick, { ...on.context, cluster: { ...cluster, writeStatus: slow } });
    expect(on.jobs()).toHaveLength(40);
    const listings = nodeListings(on);
    expect(listings).toBeGreaterThan(1);
    expect(listings).toBeLessThan(5);
  });

  it('keeps a node that has joined since it listed Nodes', async () => {
    const { on } = manyCaches();
    await refresh(tick, on.context);
    const { cluster } = on.context;
    let hasJoined = false;
    const nodesSince: typeof cluster.nodesSince = async (deciding) => {
      const listed = await cluster.nodesSince(deciding);
      if (hasJoined) return listed;
      hasJoined = true;
      on.nodes('node-3');
      for (const name of names)
        await reconcile(
          { ...changed(aNode('node-3'), { verb: 'add' }), cache: { namespace: 'apps', name } },
          on.context,
        );
      return listed;
    };
    on.wait(3_600_000);
    await refresh(tick, { ...on.context, cluster: { ...cluster, nodesSince } });
    for (const name of names) expect(Object.keys(on.live(name).status.nodes)).toContain('node-3');
  });

  it.each([
    { name: 'refresh', handler: refresh },
    { name: 'purge', handler: purge },
  ])('$name drives only a few at the same time', async ({ handler }) => {
    const { on } = manyCaches({ cacheSpec: [{ images: ['app:1'] }], deletionPolicy: 'Purge' });
    const { cluster } = on.context;
    const { tick_drives: tickDrives } = createBounds();
    let [driven, most, mostCounted] = [0, 0, 0];
    const counted = async <T>(work: () => Promise<T>): Promise<T> => {
      driven += 1;
      most = Math.max(most, driven);
      mostCounted = Math.max(mostCounted, tickDrives.used());
      await sleep(5);
      return work().finally(() => (driven -= 1));
    };
    await handler(tick, {
      ...on.context,
      tickDrives,
      cluster: { ...cluster, cache: (each) => counted(() => cluster.cache(each)) },
    });
    const { limit } = boundTable.tick_drives;
    expect([most, mostCounted, tickDrives.used()]).toEqual([limit, limit, 0]);
  });

  it.each([
    { name: 'refresh', handler: refresh },
    { name: 'purge', handler: purge },
  ])('$name does not let one namespace keep the cache of another waiting', async ({ handler }) => {
    const { on } = manyCaches({ cacheSpec: [{ images: ['app:1'] }], deletionPolicy: 'Purge' });
    const spec = { cacheSpec: [{ images: ['app:1'] }], deletionPolicy: 'Purge' };
    const metadata = { name: 'web', namespace: 'shop', uid: 'uid-of-shop', generation: 1 };
    on.api.put(cachePath().replace('/apps/', '/shop/'), { metadata, spec });
    const { cluster } = on.context;
    const order: string[] = [];
    const cache: typeof cluster.cache = (reference) => {
      order.push(reference.namespace);
      return cluster.cache(reference);
    };
    await handler(tick, { ...on.context, cluster: { ...cluster, cache } });
    expect(order.indexOf('shop')).toBeLessThan(boundTable.tick_drives.limit);
  });

  it('serves the others if it can not be decided what one of them needs', async () => {
    const { on, lines } = manyCaches();
    const { cluster } = on.context;
    const broken = new TypeError('x is not a function');
    const withoutSpec = (cache: object): object =>
      Object.defineProperty({ ...cache }, 'spec', { get: () => thrown(broken) });
    const listCaches: typeof cluster.listCaches = async () => {
      const { caches, unreadable } = await cluster.listCaches();
      return {
        caches: caches.map((each) => (each.name === 'cache-7' ? (withoutSpec(each) as typeof each) : each)),
        unreadable,
      };
    };
    const readCache: typeof cluster.cache = (reference) =>
      reference.name === 'cache-7' ? Promise.reject(broken) : cluster.cache(reference);
    await refresh(tick, { ...on.context, cluster: { ...cluster, listCaches, cache: readCache } });
    expect(on.jobs()).toHaveLength(38);
    expect(lines().filter(({ level }) => level === 'error')).toEqual([
      expect.objectContaining({ cache: 'apps/cache-7' }),
    ]);
  });
});

function thrown(error: Error): never {
  throw error;
}
