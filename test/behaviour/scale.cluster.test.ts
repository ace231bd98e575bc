import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { managerSelector } from '#model/cache/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { nodeOptions } from '../../deploy/tools/images/functions-container.ts';
import { writesBetween } from '../cluster/api-writes.ts';
import type { Lab } from '../cluster/lab.ts';
import { repetitions } from '../support/repetitions.ts';
import { eventually } from './eventually.ts';
import { kube, type Kube } from './kube.ts';
import { labUnderTest } from './lab-under-test.ts';
import { counted } from './measured.ts';
import { product, type Product } from './product.ts';
import { parseCache, type ObservedCache } from './observed.ts';

const images = (kind: string) => Array.from({ length: 20 }, (_, index) => `registry.example/${kind}-${index}:1`);

let lab: Lab;
let cluster: Kube;
beforeAll(async () => {
  lab = await labUnderTest();
  cluster = kube(createApi({ kubeconfig: lab.kubeconfig, master: '', inCluster: false }), 'default');
});
afterAll(async () => {
  await lab.renew(); // deleting a thousand nodes takes longer than renewing the lab
});

/** Measures one round of a cache of these images on all nodes, from kubectl to the end. */
async function measured(name: string, references: readonly string[], seconds: number) {
  const running = product({ kubeconfig: lab.kubeconfig, master: '', env: { NODE_OPTIONS: nodeOptions } });
  await running.start();
  try {
    const writesBefore = await lab.apiWrites();
    const { bytesRead: bytesBefore } = await counted(running.pid());
    const begin = Date.now();
    await cluster.create('ImageCache', name, { spec: { cacheSpec: [{ images: references }] } });
    const cache = await eventually(`${name} is finished`, () => finished(name), seconds);
    const took = (Date.now() - begin) / 1000;
    await eventually('no Job is left', async () => (await cluster.list('Job', managerSelector)).length === 0, 120);
    await sleep(2000); // writes of other components about it
    const { peakMegabytes, bytesRead } = await counted(running.pid());
    const writes = writesBetween(writesBefore, await lab.apiWrites());
    const bytes = Buffer.byteLength(JSON.stringify(await cluster.get('ImageCache', name)));
    return {
      cache,
      bytes,
      took,
      writes,
      peakMegabytes,
      megabytesRead: (bytesRead - bytesBefore) / 1e6,
      complaints: running.complaints(),
    };
  } finally {
    await end(running, name);
  }
}

/** Polled rarely to keep the load low, as the object grows to about 100 KB. */
async function finished(name: string): Promise<ObservedCache | undefined> {
  await sleep(250);
  const cache = parseCache(await cluster.get('ImageCache', name));
  return cache.status.status === 'Succeeded' || cache.status.status === 'Failed' ? cache : undefined;
}

async function end(running: Product, name: string): Promise<void> {
  await running.stop();
  await cluster.remove('ImageCache', name);
}

describe('at scale, the product', () => {
  it(
    'pulls 20 images on 100 nodes in 100 Jobs, within 16 s, 2,000 writes and 160 MB',
    { timeout: 300_000 },
    async () => {
      await lab.simulate(100);
      const { cache, took, writes, peakMegabytes, megabytesRead, complaints } = await measured(
        'large',
        images('good'),
        120,
      );
      console.log(
        `scale: 100 nodes x 20 images: ${took.toFixed(1)} s, ${writes.by['POST jobs'] ?? 0} Jobs, ${writes.total} API writes of all parties, ` +
          `${peakMegabytes.toFixed(0)} MB peak RSS, ${megabytesRead.toFixed(1)} MB read from the API server`,
      );
      expect(complaints).toEqual([]);
      expect(cache.status).toMatchObject({ status: 'Succeeded', nodesReady: '100/100' });
      expect(writes.by['POST jobs']).toBe(100);
      expect(writes.total).toBeLessThanOrEqual(2000);
      expect(peakMegabytes).toBeLessThanOrEqual(160);
      expect(took).toBeLessThanOrEqual(16);
    },
  );

  const failing = repetitions(250, 1000);

  it(
    `reports 20 images that fail on each of ${failing} nodes within the size limits`,
    { timeout: 700_000 },
    async () => {
      await lab.simulate(failing);
      const { cache, bytes, took, writes, peakMegabytes, megabytesRead, complaints } = await measured(
        'all-failing',
        images('missing'),
        400,
      );
      const failures = Object.values(cache.status.failures);
      const listed = failures.flat();
      console.log(
        `scale: ${failing} nodes x 20 images, all failing: ${took.toFixed(1)} s, ${writes.by['POST jobs'] ?? 0} Jobs, ${writes.total} API writes of all parties, ` +
          `${peakMegabytes.toFixed(0)} MB peak RSS, ${megabytesRead.toFixed(1)} MB read, failures ${JSON.stringify(cache.status.failures).length} bytes, ${listed.length} listed and ${cache.status.failuresOmitted} omitted, the whole object ${bytes}`,
      );
      expect(complaints).toEqual([]);
      expect(cache.status).toMatchObject({ status: 'Failed', nodesReady: `0/${failing}` });
      expect(cache.status.nodeCounts).toMatchObject({ failed: failing, skipped: 0 });
      expect(failures).toHaveLength(20);
      expect(Math.max(...failures.map((each) => each.length))).toBeLessThanOrEqual(20);
      expect(Math.max(...listed.map(({ message }) => message.length))).toBeLessThanOrEqual(256);
      expect(cache.status.failuresOmitted).toBe(20 * failing - listed.length);
      expect(Buffer.byteLength(JSON.stringify(cache.status.failures))).toBeLessThanOrEqual(200 * 1024);
      expect(bytes).toBeLessThan(1_500_000);
    },
  );
});
