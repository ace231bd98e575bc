import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { holdBodies } from './attacks/hold-bodies.ts';
import { postLargeBatch } from './attacks/large-batch.ts';
import { type ProductProcess, startProduct } from './product-process.ts';
import { temporaryCluster, type TemporaryCluster } from './temporary-cluster.ts';

const mebibyte = 1024 * 1024;

describe('anybody who reaches the port of the functions', { timeout: 60_000 }, () => {
  let url = '';
  let cluster: TemporaryCluster;
  let product: ProductProcess;
  beforeAll(async () => {
    cluster = await temporaryCluster();
    product = await startProduct({ program: 'functions', kubeconfig: cluster.kubeconfig });
    url = `http://127.0.0.1:${product.port}`;
  }, 60_000);
  afterAll(async () => {
    await product.stop();
    await cluster.remove();
  });
  const health = async (): Promise<number> => (await fetch(`${url}/_/health`)).status;

  it('takes no memory and no probe by 130 connections that hold 2 MiB each (attack 3)', async () => {
    const before = await product.memory();
    const held = await holdBodies({ port: product.port, path: '/reconcile', connections: 130 });
    onTestFinished(held.close);
    expect(await health()).toBe(200);
    expect((await product.memory()) - before).toBeLessThan(80 * mebibyte);
  });

  it('keeps no probe from being answered by 1,000 connections that say nothing (attack 3)', async () => {
    const held = await holdBodies({ port: product.port, path: '/reconcile', connections: 1000, bytes: 1 });
    onTestFinished(held.close);
    expect(await health()).toBe(200);
  });

  it('causes no reads by ten batches of 2 MB after it has hung up (attack 8)', async () => {
    const reads = async (): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const counts = [...text.matchAll(/^imagecache_api_requests_total\{verb="get".* (\d+)$/gm)];
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    await Promise.all(Array.from({ length: 10 }, () => postLargeBatch(`${url}/reconcile`, 1500)));
    const whenGone = await reads();
    await pause(1000);
    expect([whenGone <= 1000, (await reads()) - whenGone]).toEqual([true, 0]);
  });
});
