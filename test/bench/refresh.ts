import * as z from 'zod/mini';
import { loopbackRegistry, type LoopbackRegistry } from '../support/registry/loopback-registry.ts';
import { writesBetween } from '../cluster/api-writes.ts';
import { withLab, type BenchLab } from './bench-lab.ts';
import { cacheStatus, finalStatus } from './cache-status.ts';
import { hasNoJobs } from './job-counter.ts';
import { withProduct } from './our-product.ts';
import type { Refreshed } from './results.ts';
import { references, type Size } from './sizes.ts';
import { until } from './until.ts';

/** The cost of a refresh that finds nothing changed: for fixed tags, and for tags that the registry has to resolve. */
export async function refresh(size: Size): Promise<Refreshed[]> {
  const registry = await loopbackRegistry();
  try {
    return await withLab(size.nodes, (bench) =>
      withProduct(
        bench.lab,
        async () => {
          const moving = Array.from({ length: size.images }, (_, index) => registry.image(`app-${index}`));
          const refreshed = refresher(bench, registry, size.nodes);
          return [
            await refreshed('fixed tags (IfNotPresent)', references(size.images)),
            await refreshed('moving tags (:latest)', moving),
          ];
        },
        registry.env,
      ),
    );
  } finally {
    await registry.close();
  }
}

const cache = z.object({
  status: z.object({ completionTime: z.optional(z.string()), round: z.optional(z.object({ number: z.number() })) }),
});
const name = 'refreshed';

function refresher(bench: BenchLab, registry: LoopbackRegistry, nodes: number) {
  const { api, kube, settledWrites } = bench;
  const isNewRoundOver = async (): Promise<true | undefined> => {
    if ((await cacheStatus(api, name)) === 'Processing') return undefined;
    return cache.parse(await kube.get('ImageCache', name)).status.round?.number === 2 ? true : undefined;
  };
  return async (what: string, images: readonly string[]): Promise<Refreshed> => {
    await kube.create('ImageCache', name, { spec: { cacheSpec: [{ images }] } });
    await until('the images are present', { seconds: 900 }, () => finalStatus(api, name));
    await until('no Job is left', { seconds: 300 }, async () => ((await hasNoJobs(api)) ? true : undefined));
    const before = await settledWrites();
    registry.asked();
    const start = Date.now();
    await kube.patch('ImageCache', name, {
      metadata: { annotations: { 'kubefledged.io/refresh-requested-at': what } },
    });
    await until('the refresh is over', { seconds: 300 }, isNewRoundOver);
    const seconds = (Date.now() - start) / 1000;
    const { total, by } = writesBetween(before, await settledWrites());
    await kube.remove('ImageCache', name);
    return {
      ...{ name: what, nodes, images: images.length, seconds },
      jobs: by['POST jobs'] ?? 0,
      writes: { total: total - 1, by }, // without the annotation that requested it
      registryRequests: registry.asked().length,
    };
  };
}
