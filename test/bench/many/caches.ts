import * as z from 'zod/mini';
import { until } from '../until.ts';
import { cachesPath, type SimulatedCluster } from './simulated-cluster.ts';

/** An ImageCache of so many images of its own. */
export const cacheOf = (name: string, images: number, selected: object = {}): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name },
  spec: { cacheSpec: [{ images: imagesOf(name, images), ...selected }] },
});

const imagesOf = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `registry.example/${name}/image-${index}:1`);

/** Applies caches one after another, as a pipeline does. */
export async function applyCaches(cluster: SimulatedCluster, caches: number, images: number): Promise<void> {
  for (let cache = 0; cache < caches; cache += 1)
    await cluster.send('POST', cachesPath, cacheOf(`team-${cache}`, images));
}

/** Polls until no round is open and no Job is left; returns the status of each cache. */
export async function allDone(cluster: SimulatedCluster, seconds: number): Promise<readonly string[]> {
  const statuses = await until('all caches are done', { seconds, pause: 500 }, async () => {
    const found = [...(await cluster.statuses()).values()];
    return found.every((status) => status !== '' && status !== 'Processing') ? found : undefined;
  });
  return statuses;
}

const page = z.object({ items: z.array(z.unknown()) });

export const noJobsLeft = (cluster: SimulatedCluster): Promise<true> =>
  until('no Job is left', { seconds: 300 }, async () => {
    const { items } = page.parse(await cluster.send('GET', '/apis/batch/v1/namespaces/default/jobs?limit=1'));
    return items.length === 0 ? true : undefined;
  });
