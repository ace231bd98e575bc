import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { cpuSeconds } from '../processor.ts';
import type { ManyCaches } from '../results.ts';
import { until } from '../until.ts';
import { allDone, applyCaches, noJobsLeft } from './caches.ts';
import { withLimitedProduct } from './limited-product.ts';
import { requestTable, totalsOf, type Requests } from './requests.ts';
import { pull } from './round.ts';
import { cachesPath, simulatedCluster, type SimulatedCluster } from './simulated-cluster.ts';
import type { ManySize } from './sizes.ts';

/** Measures a refresh that finds nothing changed, of caches that fall due in the same minute. */
export async function manyRefreshed(size: ManySize): Promise<ManyCaches['refresh']> {
  const { caches, nodes, images } = size;
  const cluster = await simulatedCluster({ nodes, pull });
  try {
    return await withLimitedProduct({ kubeconfig: cluster.kubeconfig }, async ({ product }) => {
      await applyCaches(cluster, caches, images);
      await allDone(cluster, 600);
      await noJobsLeft(cluster);
      const before = await refreshEveryMinute(cluster, caches);
      await cluster.requests('reset');
      const cpuBefore = await cpuSeconds(product.pid);
      await until('all are refreshed', { seconds: 120, pause: 1000 }, async () =>
        (await rounds(cluster)).every((round, index) => round > (before[index] ?? 0)) ? true : undefined,
      );
      const [requests, cpu] = [await cluster.requests(), await cpuSeconds(product.pid)];
      return {
        ...{ caches, nodes, images },
        jobs: requests['POST jobs']?.count ?? 0,
        ...totalsOf(requests),
        requests: requestTable(requests),
        cpuSeconds: cpu - cpuBefore,
        seconds: secondsOfWrites(requests),
      };
    });
  } finally {
    await cluster.stop();
  }
}

/** Edits all caches at once, and returns the number of each one's latest round when none is open. */
async function refreshEveryMinute(cluster: SimulatedCluster, caches: number): Promise<readonly number[]> {
  const edit = { spec: { refresh: { intervalSeconds: 60 } } };
  for (let cache = 0; cache < caches; cache += 1) await cluster.send('PATCH', `${cachesPath}/team-${cache}`, edit);
  await pause(5000); // until the rounds of the edits are open
  await allDone(cluster, 60);
  return rounds(cluster);
}

const list = z.object({ items: z.array(z.object({ status: z.object({ round: z.object({ number: z.number() }) }) })) });

const rounds = async (cluster: SimulatedCluster): Promise<readonly number[]> =>
  list.parse(await cluster.send('GET', cachesPath)).items.map(({ status }) => status.round.number);

function secondsOfWrites(requests: Requests): number {
  const { firstAt = 0, lastAt = 0 } = requests['PATCH imagecaches/status'] ?? {};
  return (lastAt - firstAt) / 1000;
}
