import { expect } from 'vitest';
import { loopbackRegistry, type LoopbackRegistry } from '../../support/registry/loopback-registry.ts';
import { eventually } from '../eventually.ts';
import type { ObservedCache } from '../observed.ts';
import { refreshed } from '../refreshed.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

/** Runs with a registry that is stopped afterwards. */
async function withRegistry(run: (registry: LoopbackRegistry) => Promise<void>): Promise<void> {
  const registry = await loopbackRegistry();
  try {
    await run(registry);
  } finally {
    await registry.close();
  }
}

/** Requests a refresh by a new token value. */
const ask = (world: World, token: string): Promise<unknown> =>
  world.kube.patch('ImageCache', 'cache', {
    metadata: { annotations: { 'kubefledged.io/refresh-requested-at': token } },
  });

const jobsOf = (world: World, nodes: readonly string[]): readonly number[] =>
  nodes.map((node) => world.history.jobsOf(node).length);

/** What a kubelet lists besides images of the scenario. */
const other = { names: ['registry.example/other:1'] };

/** Images that nodes lose; tags that may move, and which of them are pulled again. Nodes are simulated, as the registry serves digests only. */
export const drifting: readonly Scenario[] = [
  {
    name: 'pulls an image again that a node lists no longer, and says which is missing where',
    needs: ['simulated nodes'],
    run: async (world) => {
      const node = await world.nodes.addOne();
      await world.product.start();
      const image = await world.image('good');
      await world.createCache('cache', [image]);
      await world.settled('cache');
      const readyAt = Math.floor(Date.now() / 1000) - 3_600;
      await world.kube.patchStatus('ImageCache', 'cache', { nodes: { [node]: { readyAt } } });
      await world.kube.patchStatus('Node', node, { images: [{ names: [image] }, other] });
      await eventually('the cache is Ready', () => world.history.cache('cache')?.status.status === 'Succeeded');
      // Reported until it is acted on: the simulated kubelet, which has not lost it, reports its own list as well.
      await eventually('it is pulled again', async () => {
        await world.kube.patchStatus('Node', node, { images: [other] });
        return jobsOf(world, [node])[0] === 2;
      });
      const lost = await eventually('an Event says so', async () =>
        (await world.events('cache')).find(({ reason }) => reason === 'ImagesLost'),
      );
      expect(lost).toMatchObject({ type: 'Warning' });
      expect(lost.message).toContain(`${image} is missing on ${node}`);
      const { status } = await eventually('the node is Ready again', () => {
        const cache = world.history.cache('cache');
        return cache?.status.nodes[node]?.state === 'Ready' && cache.status.status === 'Succeeded' && cache;
      });
      expect(status).toMatchObject({ nodesReady: '1/1', failures: {}, round: { number: 1 } });
    },
  },
  {
    name: 'asks the registry once per image, and creates Jobs only for images whose digest has changed',
    needs: ['simulated nodes', 'image volumes'],
    nodes: 2,
    hasProductToItself: true,
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
    name: 'reports an unavailable registry, and neither fails nor pulls on nodes at each refresh',
    needs: ['simulated nodes', 'image volumes'],
    hasProductToItself: true,
    run: (world) =>
      withRegistry(async (registry) => {
        const node = await world.nodes.addOne();
        await world.product.start({ env: { ...registry.env, IMAGE_CACHE_REFRESH_FREQUENCY: '1s' } });
        await world.createCache('cache', [registry.image('app')]);
        await world.settled('cache');
        registry.answers(false);
        /** The cache once its refreshes, one each second without a tick, have reported this. */
        const reported = (what: string, holds: (status: ObservedCache['status']) => boolean) =>
          eventually(what, () => {
            const cache = world.history.cache('cache');
            return cache !== undefined && cache.status.status !== 'Processing' && holds(cache.status) && cache;
          });
        const reasonOf = ({ images }: ObservedCache['status']): string => images[0]?.unresolvedReason ?? '';
        const once = await reported('the registry is unavailable', (status) => reasonOf(status) !== '');
        expect(once.status).toMatchObject({ status: 'Succeeded', round: { trigger: 'Schedule' } });
        expect(once.status.images[0]?.resolvedDigest).toBe(registry.digest('app'));
        expect(once.status.images[0]?.unresolvedReason).toContain('503 Service Unavailable');
        expect(jobsOf(world, [node])).toEqual([2]);
        const later = (once.status.round?.number ?? 0) + 2;
        await reported('two more refreshes', ({ round }) => (round?.number ?? 0) >= later);
        expect(jobsOf(world, [node])).toEqual([2]);
        registry.answers(true);
        await reported('the registry is back', (status) => reasonOf(status) === '');
        expect(jobsOf(world, [node])).toEqual([2]);
      }),
  },
];
