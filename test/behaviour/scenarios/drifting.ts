import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { loopbackRegistry, type LoopbackRegistry } from '../../support/registry/loopback-registry.ts';
import { refreshed } from '../refreshed.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

/** Runs with a registry that is gone afterwards. */
async function withRegistry(run: (registry: LoopbackRegistry) => Promise<void>): Promise<void> {
  const registry = await loopbackRegistry();
  try {
    await run(registry);
  } finally {
    await registry.close();
  }
}

/** By a token, which asks again at once with another value. */
const ask = (world: World, token: string): Promise<unknown> =>
  world.kube.patch('ImageCache', 'cache', {
    metadata: { annotations: { 'kubefledged.io/refresh-requested-at': token } },
  });

const jobsOf = (world: World, nodes: readonly string[]): readonly number[] =>
  nodes.map((node) => world.history.jobsOf(node).length);

/** Tags that may move: what is pulled again, and what is not. Nodes are simulated, as the registry has only digests. */
export const drifting: readonly Scenario[] = [
  {
    name: 'asks a registry once per image, makes no Job while it says the same, and one per node for what has moved',
    needs: ['simulated nodes', 'image volumes'],
    nodes: 2,
    run: (world) =>
      withRegistry(async (registry) => {
        const nodes = [await world.nodes.addOne(), await world.nodes.addOne()];
        await world.product.start({ env: registry.env });
        await world.createCache('cache', [registry.image('steady'), registry.image('moving')]);
        await world.settled('cache');
        expect(registry.asked().toSorted()).toEqual(['HEAD moving', 'HEAD steady']);
        await ask(world, 'one');
        const { status } = await refreshed(world, 2);
        expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh', nodesReady: '2/2' });
        expect(registry.asked().toSorted()).toEqual(['HEAD moving', 'HEAD steady']);
        expect(jobsOf(world, nodes)).toEqual([1, 1]);
        registry.move('moving');
        await ask(world, 'two');
        const moved = await refreshed(world, 3);
        expect(moved.status.images.map(({ resolvedDigest }) => resolvedDigest)).toEqual([
          registry.digest('moving'),
          registry.digest('steady'),
        ]);
        expect(jobsOf(world, nodes)).toEqual([2, 2]);
        for (const node of nodes) expect(world.history.jobsOf(node)[1]?.spec.template.spec.containers).toHaveLength(1);
        await ask(world, 'three');
        await refreshed(world, 4);
        expect(jobsOf(world, nodes)).toEqual([2, 2]);
      }),
  },
  {
    name: 'tells of a registry that does not answer, and neither fails for it nor has nodes pull at each refresh',
    needs: ['simulated nodes', 'image volumes'],
    run: (world) =>
      withRegistry(async (registry) => {
        const node = await world.nodes.addOne();
        await world.product.start({ env: { ...registry.env, IMAGE_CACHE_REFRESH_FREQUENCY: '1s' } });
        await world.createCache('cache', [registry.image('app')]);
        await world.settled('cache');
        registry.answers(false);
        const byTime = async (number: number) => {
          await sleep(2000); // the period, and the whole second to which a status tells it
          await world.product.tick();
          return refreshed(world, number);
        };
        const once = await byTime(2);
        expect(once.status).toMatchObject({ status: 'Succeeded', round: { trigger: 'Schedule' } });
        expect(once.status.images[0]?.resolvedDigest).toBe(registry.digest('app'));
        expect(once.status.images[0]?.unresolvedReason).toContain('503 Service Unavailable');
        expect(jobsOf(world, [node])).toEqual([2]);
        await byTime(3);
        expect(jobsOf(world, [node])).toEqual([2]);
        registry.answers(true);
        const { status } = await byTime(4);
        expect(status.images[0]?.unresolvedReason).toBe('');
        expect(jobsOf(world, [node])).toEqual([2]);
      }),
  },
];
