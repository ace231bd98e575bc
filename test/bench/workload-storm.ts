import { setTimeout as pause } from 'node:timers/promises';
import { loadavg } from 'node:os';
import * as z from 'zod/mini';
import { allDone, noJobsLeft } from './many/caches.ts';
import { type LimitedProduct, withLimitedProduct } from './many/limited-product.ts';
import { recordMemory } from './many/memory-record.ts';
import { totalsOf } from './many/requests.ts';
import { pull } from './many/round.ts';
import { cachesPath, simulatedCluster, type SimulatedCluster } from './many/simulated-cluster.ts';
import { cpuSeconds } from './processor.ts';
import type { WorkloadPhase, WorkloadStorm } from './results.ts';
import { until } from './until.ts';

export type StormSize = Pick<WorkloadStorm, 'caches' | 'nodes' | 'workloads' | 'images' | 'changes' | 'seconds'>;

const rolloutsPath = '/apis/argoproj.io/v1alpha1/namespaces/default/rollouts';
const kinds = 'Rollout=argoproj.io/v1alpha1/rollouts:spec.template';

/** Caches that take their images from workloads, on the simulator: their first rounds, a storm of changes, and a minute without any. */
export async function workloadStorm(size: StormSize, timeoutSeconds: number): Promise<WorkloadStorm> {
  const cluster = await simulatedCluster({ nodes: size.nodes, pull });
  try {
    await fill(cluster, size);
    const order = { kubeconfig: cluster.kubeconfig, env: { WORKLOAD_KINDS: kinds } };
    return await withLimitedProduct(order, async (running) => {
      const measure = phases(cluster, running);
      const first = await measure('the first rounds', async () => {
        for (let cache = 0; cache < size.caches; cache += 1) await cluster.send('POST', cachesPath, cacheOf(cache));
        await settled(cluster, timeoutSeconds);
      });
      const storm = await measure(`${size.changes} changes in ${size.seconds} s`, async () => {
        await changes(cluster, size);
        await until('all changes are found', { seconds: timeoutSeconds, pause: 1000 }, async () =>
          (await found(cluster)).filter((image) => image.endsWith(':new')).length === size.changes ? true : undefined,
        );
        await settled(cluster, timeoutSeconds);
      });
      const calm = await measure('a minute without changes', () => pause(60_000));
      return { ...size, phases: [first, storm, calm], load: loadavg()[0] ?? 0 };
    });
  } finally {
    await cluster.stop();
  }
}

type Measure = (name: string, work: () => Promise<unknown>) => Promise<WorkloadPhase>;

function phases(cluster: SimulatedCluster, { product, cgroup }: LimitedProduct): Measure {
  return async (name, work) => {
    await cluster.requests('reset');
    const [cpuBefore, roundsBefore, start] = [await cpuSeconds(product.pid), await rounds(cluster), Date.now()];
    const recorded = recordMemory({ cgroup, memory: product.memory });
    await work();
    const [requests, { resident, charged }] = [await cluster.requests(), await recorded.stop()];
    return {
      ...{ name, rounds: (await rounds(cluster)) - roundsBefore, jobs: requests['POST jobs']?.count ?? 0 },
      ...totalsOf(requests),
      workloadReads: requests['LIST rollouts']?.count ?? 0,
      seconds: (Date.now() - start) / 1000,
      cpuSeconds: (await cpuSeconds(product.pid)) - cpuBefore,
      ...{ residentMegabytes: resident, chargedMegabytes: charged },
    };
  };
}

/** Each cache has the workloads of one application, whose Pods run on the nodes of one pool. */
async function fill(cluster: SimulatedCluster, { caches, nodes, workloads, images }: StormSize): Promise<void> {
  for (let node = 0; node < nodes; node += 1)
    await cluster.send('PATCH', `/api/v1/nodes/node-${node + 1}`, {
      metadata: { labels: { pool: `pool-${node % caches}` } },
    });
  for (let index = 0; index < workloads; index += 1) {
    const [group, image] = [index % caches, index % images];
    const template = {
      spec: {
        containers: [{ name: 'app', image: `registry.example/app-${image}:1` }],
        nodeSelector: { pool: `pool-${group}` },
      },
    };
    await cluster.send('POST', rolloutsPath, {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { name: `workload-${index}`, labels: { app: `app-${group}` } },
      spec: { template },
    });
  }
}

const cacheOf = (cache: number): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name: `team-${cache}` },
  spec: {
    cacheSpec: [
      { imagesFrom: { kinds: ['Rollout'], selector: { matchLabels: { app: `app-${cache}` } }, nodes: 'AsPods' } },
    ],
  },
});

/** Evenly over the time, each of a workload of its own to an image that is new. */
async function changes(cluster: SimulatedCluster, { changes: count, seconds }: StormSize): Promise<void> {
  const start = Date.now();
  for (let index = 0; index < count; index += 1) {
    await pause(Math.max(0, start + (index * seconds * 1000) / count - Date.now()));
    const containers = [{ name: 'app', image: `registry.example/next-${index}:new` }];
    await cluster.send('PATCH', `${rolloutsPath}/workload-${index}`, { spec: { template: { spec: { containers } } } });
  }
}

async function settled(cluster: SimulatedCluster, seconds: number): Promise<void> {
  await allDone(cluster, seconds);
  await noJobsLeft(cluster);
}

const list = z.object({
  items: z.array(
    z.object({
      status: z.optional(
        z.object({
          round: z.optional(z.object({ number: z.number() })),
          imagesFrom: z.optional(
            z.object({ lists: z.array(z.object({ images: z.array(z.object({ image: z.string() })) })) }),
          ),
        }),
      ),
    }),
  ),
});

const rounds = async (cluster: SimulatedCluster): Promise<number> =>
  list
    .parse(await cluster.send('GET', cachesPath))
    .items.reduce((sum, { status }) => sum + (status?.round?.number ?? 0), 0);

const found = async (cluster: SimulatedCluster): Promise<readonly string[]> =>
  list
    .parse(await cluster.send('GET', cachesPath))
    .items.flatMap(({ status }) => status?.imagesFrom?.lists ?? [])
    .flatMap(({ images }) => images.map(({ image }) => image));
