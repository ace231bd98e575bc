import { expect } from 'vitest';
import { eventually } from '../eventually.ts';
import { attemptOf } from '../observed.ts';
import { refreshed } from '../refreshed.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

const annotation = 'kubefledged.io/refresh-imagecache';
const token = 'kubefledged.io/refresh-requested-at';

const ask = (world: World, annotations: object): Promise<unknown> =>
  world.kube.patch('ImageCache', 'cache', { metadata: { annotations } });

/** Requested by an annotation, as with kube-fledged, or by a token in the spec, as with GitOps. */
export const refreshing: readonly Scenario[] = [
  {
    name: 'refreshes at once on the annotation, pulls images that may have moved, and removes the annotation',
    run: async (world) => {
      const node = await world.nodes.addOne();
      await world.product.start();
      await world.createCache('cache', [await world.image('good')], { imagePullPolicy: 'Always' });
      await world.settled('cache');
      await ask(world, { [annotation]: '' });
      const { status } = await refreshed(world, 2);
      expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh' });
      expect(status.round).toMatchObject({ operation: 'Refresh', trigger: 'Annotation' });
      expect(world.history.jobsOf(node).map(attemptOf)).toEqual(['attempt 1 of round 1', 'attempt 1 of round 2']);
      await eventually('the annotation is gone', () => {
        const annotations = world.history.cache('cache')?.metadata.annotations ?? {};
        return annotation in annotations ? undefined : true;
      });
    },
  },
  {
    name: 'refreshes once per token value, without a Job if no image can have moved',
    run: async (world) => {
      const node = await world.nodes.addOne();
      await world.product.start();
      await world.createCache('cache', [await world.image('good')]);
      await world.settled('cache');
      for (const [value, number] of [
        ['one', 2],
        ['one', 2],
        ['two', 3],
      ] as const) {
        await ask(world, { [token]: value });
        await refreshed(world, number);
      }
      expect(world.history.cache('cache')?.metadata.annotations).toMatchObject({ [token]: 'two' });
      expect(world.history.jobsOf(node)).toHaveLength(1);
    },
  },
  {
    name: 'refreshes after the round in progress if a refresh was requested during it',
    needs: ['slow images'],
    run: async (world) => {
      const node = await world.nodes.addOne();
      await world.product.start();
      await world.createCache('cache', [await world.image('slow')], { imagePullPolicy: 'Always' });
      await eventually('it pulls', () => world.history.jobsOf(node).length === 1);
      await ask(world, { [annotation]: '' });
      const { status } = await refreshed(world, 2);
      expect(status.round).toMatchObject({ operation: 'Refresh', trigger: 'Annotation' });
      expect(world.history.jobsOf(node)).toHaveLength(2);
    },
  },
];
