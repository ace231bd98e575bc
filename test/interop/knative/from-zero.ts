import { describe, expect, it } from 'vitest';
import { functionNames } from '#model/cache/cloud-event.ts';
import type { ClusterUnderTest } from '../../behaviour/cluster-under-test.ts';
import { eventually } from '../../behaviour/eventually.ts';
import { createWorld } from '../../behaviour/world.ts';
import type { Lab } from '../../cluster/lab.ts';
import { asleep } from './function-pods.ts';

export type Asleep = { readonly lab: Lab; readonly cluster: ClusterUnderTest };

/** Starts all functions from zero by a cache, with ticks at the interval of the manifests, and logs the time. */
export function wakesFromZero(name: string, start: () => Promise<Asleep>): void {
  describe(`on ${name}, with all functions scaled to zero, the product`, () => {
    it('is started by a cache', async () => {
      const { lab, cluster } = await start();
      const world = await createWorld(cluster, { isClusterWide: true });
      try {
        const nodes = await world.nodes.add(2);
        const image = await world.image('good');
        await world.product.start();
        await asleep(lab, functionNames);
        const begin = Date.now();
        await world.createCache('cache', [image]);
        const job = await eventually('the first Job', () => world.history.jobChanges()[0], 120);
        expect((await world.settled('cache', 120)).status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
        for (const node of nodes) expect(await world.imagesOn(node)).toContain(image);
        const settled = world.history.cacheChanges('cache').find(({ object }) => object.status.status === 'Succeeded');
        console.log(
          `${name}: with all functions scaled to zero, the first Job ${(job.at - begin) / 1000} s and Succeeded ${((settled?.at ?? NaN) - begin) / 1000} s after the cache was created`,
        );
        expect(world.product.complaints()).toEqual([]);
      } finally {
        await world.end();
      }
    });
  });
}
