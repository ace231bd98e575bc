import { setTimeout as sleep } from 'node:timers/promises';
import { registerSimulatedNode } from '../behaviour/simulated-cluster.ts';
import { latencies, watchArrivals, type ArrivalWatch } from './arrivals.ts';
import { withLab, type BenchLab } from './bench-lab.ts';
import { finalStatus } from './cache-status.ts';
import { withProduct } from './our-product.ts';
import type { Found } from './results.ts';
import { references, type Size } from './sizes.ts';
import { spreadOf, thinned } from './spread.ts';
import { until } from './until.ts';

/** Nodes that join in each series. */
const joining = 100;

/** The time from a joining node being Ready to its Job, beside nodes that have their images: one node a second, then many at once. */
export function newNode({ nodes, images }: Size): Promise<Found['new-node']> {
  return withLab(nodes, (bench) =>
    withProduct(bench.lab, async () => {
      await bench.kube.create('ImageCache', 'standing', { spec: { cacheSpec: [{ images: references(images) }] } });
      await until('the nodes have their images', { seconds: 600 }, () => finalStatus(bench.api, 'standing'));
      const watch = await watchArrivals(bench.api);
      const series = [
        { name: 'one a second', ...(await joined(bench, watch, { prefix: 'single', pause: 1000 })) },
        { name: `${joining} at once`, ...(await joined(bench, watch, { prefix: 'burst', pause: 0 })) },
      ];
      await watch.stop();
      return { nodes, images, series };
    }),
  );
}

type Joining = { readonly prefix: string; readonly pause: number };

async function joined({ kube }: BenchLab, { arrivals }: ArrivalWatch, { prefix, pause }: Joining) {
  const names = Array.from({ length: joining }, (_, index) => `${prefix}-${index}`);
  for (const [index, name] of names.entries()) {
    await registerSimulatedNode(kube, name, { labels: {}, taints: [] });
    // An uneven pace, the same in every run, so that it is not in step with any timer.
    await sleep(pause * (0.5 + ((index * 0.618) % 1)));
  }
  await until('every new node has its Job', { seconds: 300 }, () =>
    names.every((name) => arrivals().jobAt.has(name)) ? true : undefined,
  );
  const found = latencies(arrivals(), names);
  return { latency: spreadOf(found), sorted: thinned(found) };
}
