import * as z from 'zod/mini';
import type { ManyCaches } from '../results.ts';
import { until } from '../until.ts';
import { allDone, applyCaches, noJobsLeft } from './caches.ts';
import { recordMemory } from './memory-record.ts';
import { withLimitedProduct } from './limited-product.ts';
import { requestTable, totalsOf } from './requests.ts';
import { pull } from './round.ts';
import { cachesPath, simulatedCluster, type SimulatedCluster } from './simulated-cluster.ts';
import type { ManySize } from './sizes.ts';

/** Measures nodes that join at once among caches that all select them. */
export async function manyJoined({ caches, nodes, images }: ManySize, joining: number): Promise<ManyCaches['join']> {
  const cluster = await simulatedCluster({ nodes, pull });
  try {
    return await withLimitedProduct({ kubeconfig: cluster.kubeconfig }, async ({ product, cgroup }) => {
      await applyCaches(cluster, caches, images);
      await allDone(cluster, 600);
      await noJobsLeft(cluster);
      await cluster.requests('reset');
      const recorded = recordMemory({ cgroup, memory: product.memory });
      const served = await servedAfterJoin(
        cluster,
        Array.from({ length: joining }, (_, index) => `joined-${index}`),
      );
      await noJobsLeft(cluster);
      const [requests, { resident, charged }] = [await cluster.requests(), await recorded.stop()];
      return {
        ...{ caches, nodes, joining, images },
        jobs: requests['POST jobs']?.count ?? 0,
        ...totalsOf(requests),
        requests: requestTable(requests),
        ...served,
        residentMegabytes: resident,
        chargedMegabytes: charged,
      };
    });
  } finally {
    await cluster.stop();
  }
}

type Served = Pick<ManyCaches['join'], 'secondsToFirstServed' | 'secondsToAllServed' | 'podsAtOnce'>;

async function servedAfterJoin(cluster: SimulatedCluster, names: readonly string[]): Promise<Served> {
  const start = Date.now();
  for (const name of names)
    await cluster.send('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} });
  let [podsAtOnce, firstAt] = [0, Number.NaN];
  await until('all caches serve the new nodes', { seconds: 900, pause: 500 }, async () => {
    podsAtOnce = Math.max(podsAtOnce, ...(await livePods(cluster)).values());
    const isServed = await servedCaches(cluster, names);
    if (isServed.includes(true) && Number.isNaN(firstAt)) firstAt = Date.now();
    return isServed.every(Boolean) ? true : undefined;
  });
  return {
    secondsToFirstServed: (firstAt - start) / 1000,
    secondsToAllServed: (Date.now() - start) / 1000,
    podsAtOnce,
  };
}

const states = z.record(z.string(), z.object({ state: z.string() }));
const cacheList = z.object({ items: z.array(z.object({ status: z.object({ nodes: states }) })) });

async function servedCaches(cluster: SimulatedCluster, names: readonly string[]): Promise<readonly boolean[]> {
  const { items } = cacheList.parse(await cluster.send('GET', cachesPath));
  return items.map(({ status }) => names.every((name) => status.nodes[name]?.state === 'Ready'));
}

const podList = z.object({
  items: z.array(
    z.object({ spec: z.object({ nodeName: z.optional(z.string()) }), status: z.object({ phase: z.string() }) }),
  ),
});

/** How many Pods of each node have not ended. */
async function livePods(cluster: SimulatedCluster): Promise<ReadonlyMap<string, number>> {
  const { items } = podList.parse(await cluster.send('GET', '/api/v1/namespaces/default/pods'));
  const counts = new Map<string, number>();
  for (const { spec, status } of items) {
    if (spec.nodeName === undefined || ['Succeeded', 'Failed'].includes(status.phase)) continue;
    counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1);
  }
  return counts;
}
