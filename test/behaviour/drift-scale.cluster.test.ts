import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { managerSelector } from '#model/cache/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { type ApiWrites, writesBetween } from '../cluster/api-writes.ts';
import type { Lab } from '../cluster/lab.ts';
import { eventually } from './eventually.ts';
import { kube, type Kube } from './kube.ts';
import { labUnderTest } from './lab-under-test.ts';
import { loopbackRegistry, type LoopbackRegistry } from '../support/registry/loopback-registry.ts';
import { product, type Product } from './product.ts';
import { parseCache, type ObservedCache } from './observed.ts';

const names = Array.from({ length: 20 }, (_, index) => `app-${index}`);

let lab: Lab;
let cluster: Kube;
let registry: LoopbackRegistry;
let running: Product;
beforeAll(async () => {
  lab = await labUnderTest(100);
  cluster = kube(createApi({ kubeconfig: lab.kubeconfig, master: '', inCluster: false }), 'default');
  registry = await loopbackRegistry();
  running = product({ kubeconfig: lab.kubeconfig, master: '', env: registry.env });
  await running.start();
});
afterAll(async () => {
  await running.stop();
  await cluster.remove('ImageCache', 'drift');
  await registry.close();
  await lab.renew();
});

/** The cache once its round of this number has ended, and no Job of it is left. */
const ended = async (number: number): Promise<ObservedCache> => {
  const cache = await eventually(
    `round ${number} has ended`,
    async () => {
      await sleep(250);
      const seen = parseCache(await cluster.get('ImageCache', 'drift'));
      return seen.status.round?.number === number && seen.status.status !== 'Processing' ? seen : undefined;
    },
    120,
  );
  await eventually('no Job is left', async () => (await cluster.list('Job', managerSelector)).length === 0, 60);
  return cache;
};

/** All writes so far, once there were none for a while, as Events of a round follow seconds after its end. */
async function allWrites(): Promise<ApiWrites> {
  for (let before = await lab.apiWrites(), tries = 0; tries < 20; tries += 1) {
    await sleep(3000);
    const after = await lab.apiWrites();
    if (after.total === before.total) return after;
    before = after;
  }
  throw new Error('writes do not stop');
}

/** Changes the cache by one write, and counts the writes and requests of the round that this opens. */
async function counted(number: number, change: () => Promise<unknown>) {
  const before = await allWrites();
  registry.asked();
  await change();
  const cache = await ended(number);
  const { total, by } = writesBetween(before, await allWrites());
  const asked = registry.asked();
  const jobs = by['POST jobs'] ?? 0;
  const own = total - 1; // less the one that changed the cache
  return { cache, asked, jobs, own, statuses: by['PATCH imagecaches/status'] ?? 0, events: by['POST events'] ?? 0 };
}

const refreshed = (number: number) => {
  const token = { 'kubefledged.io/refresh-requested-at': String(number) };
  return counted(number, () => cluster.patch('ImageCache', 'drift', { metadata: { annotations: token } }));
};

const perImageAndNode = (writes: number): number => writes / (100 * names.length);

const summaryOf = ({ jobs, own, statuses, events, asked }: Awaited<ReturnType<typeof counted>>): string =>
  `${jobs} Jobs, ${own} API writes of all parties (${statuses} of the status, ${events} Events), ${asked.length} registry requests`;

describe('at scale, a refresh of 20 moving tags on 100 nodes', () => {
  it('creates no Job and writes one status if no tag has moved, with one registry request per image', async () => {
    const images = names.map((name) => registry.image(name));
    const first = await counted(1, () => cluster.create('ImageCache', 'drift', { spec: { cacheSpec: [{ images }] } }));
    console.log(`drift: 100 nodes x 20 images, the first round: ${summaryOf(first)}`);
    expect(first.cache.status).toMatchObject({ status: 'Succeeded', nodesReady: '100/100' });
    expect(first.jobs).toBe(100);
    expect(perImageAndNode(first.own)).toBeLessThanOrEqual(0.7);
    const still = await refreshed(2);
    console.log(`drift: 100 nodes x 20 images, nothing has moved: ${summaryOf(still)}`);
    expect(still.cache.status).toMatchObject({ status: 'Succeeded', nodesReady: '100/100' });
    expect(still).toMatchObject({ jobs: 0, statuses: 1, events: 1 });
    expect(still.asked.toSorted()).toEqual(names.map((name) => `HEAD ${name}`).toSorted());
  });

  it('creates a Job of one image per node if one tag has moved', async () => {
    registry.move('app-7');
    const moved = await refreshed(3);
    console.log(`drift: 100 nodes x 20 images, one has moved: ${summaryOf(moved)}`);
    expect(moved.cache.status).toMatchObject({ status: 'Succeeded', nodesReady: '100/100' });
    expect(moved.jobs).toBe(100);
    expect(moved.asked).toHaveLength(20);
    expect(moved.cache.status.images.find(({ image }) => image === registry.image('app-7'))?.resolvedDigest).toBe(
      registry.digest('app-7'),
    );
  });

  it('creates two Jobs per node if a pull secret is named, and none in the next refresh', async () => {
    const secrets = { imagePullSecrets: [{ name: 'login' }] };
    const named = await counted(4, () => cluster.patch('ImageCache', 'drift', { spec: secrets }));
    console.log(`drift: 100 nodes x 20 images, a secret was named: ${summaryOf(named)}`);
    expect(named.cache.status).toMatchObject({ status: 'Succeeded', nodesReady: '100/100' });
    expect(new Set(named.cache.status.images.map(({ access }) => access))).toEqual(new Set(['Anyone']));
    expect(named.jobs).toBe(200);
    expect(perImageAndNode(named.own)).toBeLessThanOrEqual(1.4);
    const still = await refreshed(5);
    console.log(`drift: 100 nodes x 20 images with a secret, nothing has moved: ${summaryOf(still)}`);
    expect(still).toMatchObject({ jobs: 0, statuses: 1, events: 1 });
    expect(running.complaints()).toEqual([]);
  });
});
