/** `node test/bench/fairness/main.ts 5000 10`: how long a cache on many nodes holds up the first Job of others, on the simulator. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { withLimitedProduct } from '../many/limited-product.ts';
import { simulatedCluster, type SimulatedCluster } from '../many/simulated-cluster.ts';
import { cacheOf } from '../many/caches.ts';
import { until } from '../until.ts';

const [nodes = 5000, images = 10] = process.argv.slice(2).map(Number);

/** Seconds after the large cache at which small ones are created, each in a namespace of its own. */
const times = [1, 5, 10, 20, 30, 45, 60, 90];

const pathIn = (namespace: string): string => `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;
const created = z.object({ metadata: z.object({ uid: z.string() }) });
const listed = z.object({ items: z.array(z.unknown()) });
const status = z.object({
  status: z.optional(z.object({ nodesReady: z.optional(z.string()), status: z.optional(z.string()) })),
});

const cluster = await simulatedCluster({ nodes, pull: [50, 200] });
try {
  await withLimitedProduct({ kubeconfig: cluster.kubeconfig }, async () => {
    await measure(cluster);
  });
} finally {
  await cluster.stop();
}

async function measure({ send }: SimulatedCluster): Promise<void> {
  const begin = Date.now();
  await send('POST', pathIn('default'), cacheOf('large', images));
  for (const [index, at] of times.entries()) {
    await sleep(Math.max(0, begin + at * 1000 - Date.now()));
    const large = status.parse(await send('GET', `${pathIn('default')}/large`)).status;
    const namespace = `team-${index}`;
    await send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const values = [`node-${index + 1}`];
    const nodeMatchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values }];
    const from = Date.now();
    const cache = cacheOf(`small-${index}`, 1, { nodeMatchExpressions });
    const { uid } = created.parse(await send('POST', pathIn(namespace), cache)).metadata;
    const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs?labelSelector=kubefledged.io/cache-uid=${uid}`;
    await until('it has a Job', { seconds: 120, pause: 20 }, async () =>
      listed.parse(await send('GET', jobs)).items.length > 0 ? true : undefined,
    );
    const [seconds, asked] = [(Date.now() - from) / 1000, Date.now()];
    await send('GET', `${pathIn(namespace)}/small-${index}`);
    process.stdout.write(
      `${((from - begin) / 1000).toFixed(0)} s after the large cache (${large?.nodesReady ?? '0'} ready, ${large?.status ?? 'new'}): ` +
        `first Job after ${seconds.toFixed(2)} s, when a read took ${Date.now() - asked} ms\n`,
    );
    if (large?.status === 'Succeeded') break;
  }
  await until('the large cache is done', { seconds: 900, pause: 1000 }, async () =>
    status.parse(await send('GET', `${pathIn('default')}/large`)).status?.status === 'Succeeded' ? true : undefined,
  );
  process.stdout.write(`the large cache is done after ${((Date.now() - begin) / 1000).toFixed(0)} s\n`);
}
