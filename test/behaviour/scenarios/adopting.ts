import { expect } from 'vitest';
import { eventually, throughout } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import { conditionOf, type ObservedCache } from '../observed.ts';
import type { World } from '../world.ts';

type Left = {
  readonly name: string;
  /** The status that kube-fledged wrote, without times and message. */
  readonly status: { readonly status: string; readonly reason: string; readonly failures?: object };
  readonly ready: { readonly status: string; readonly reason: string };
};

/** What kube-fledged leaves of operations that have ended, one of which failed on this node. */
const settledCaches = (node: string): readonly Left[] => [
  {
    name: 'succeeded',
    status: { status: 'Succeeded', reason: 'ImageCacheCreate' },
    ready: { status: 'True', reason: 'AllImagesPresent' },
  },
  {
    name: 'failed',
    status: {
      status: 'Failed',
      reason: 'ImageCacheRefresh',
      failures: { 'registry.example/adopted:failed': [{ node, reason: 'ErrImagePull', message: 'gone' }] },
    },
    ready: { status: 'False', reason: 'PullFailed' },
  },
  {
    name: 'purged',
    status: { status: 'Succeeded', reason: 'ImageCachePurge' },
    ready: { status: 'False', reason: 'Purged' },
  },
];

/** A cache as kube-fledged leaves it, created while no controller runs. No other scenario pulls its image, so a pull would be noticed. */
async function leave(world: World, name: string, status: object, annotations: object = {}): Promise<void> {
  const spec = { cacheSpec: [world.list([`registry.example/adopted:${name}`])] };
  await world.kube.create('ImageCache', name, { metadata: { annotations }, spec });
  const times = { startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:01:00Z' };
  await world.kube.patchStatus('ImageCache', name, { message: 'as kube-fledged says', ...times, ...status });
}

const adopted = (world: World, name: string): Promise<ObservedCache> =>
  eventually(`${name} is adopted`, () => {
    const cache = world.history.cache(name);
    return cache?.status.observedGeneration === undefined ? undefined : cache;
  });

const takeOver: Scenario = {
  name: 'adopts caches of kube-fledged without pulling their images again',
  needs: ['simulated nodes'],
  run: async (world) => {
    const [node = ''] = await world.nodes.add(2);
    const caches = settledCaches(node);
    for (const { name, status } of caches) await leave(world, name, status);
    await world.product.start();

    for (const { name, status, ready } of caches) {
      const cache = await adopted(world, name);
      expect(cache.status).toMatchObject({ ...status, observedGeneration: 1, message: 'as kube-fledged says' });
      expect({ name, ...conditionOf(cache, 'Ready') }).toMatchObject({ name, ...ready });
    }
    await throughout(3, () => {
      expect(world.history.jobs()).toEqual([]);
    });
  },
};

const joinLater: Scenario = {
  name: 'pulls images on nodes that join for an adopted cache, but not for a purged one',
  needs: ['simulated nodes'],
  run: async (world) => {
    await world.nodes.addOne();
    await leave(world, 'succeeded', { status: 'Succeeded', reason: 'ImageCacheCreate' });
    await leave(world, 'purged', { status: 'Succeeded', reason: 'ImageCachePurge' });
    await world.product.start();
    await adopted(world, 'succeeded');
    await adopted(world, 'purged');
    const joined = await world.nodes.addOne();
    await eventually('it is served', () => world.history.cache('succeeded')?.status.nodes[joined]?.state === 'Ready');
    expect(world.history.jobs().map(({ metadata }) => metadata.annotations['kubefledged.io/cache'])).toEqual([
      `${world.namespace}/succeeded`,
    ]);
  },
};

const resume: Scenario = {
  name: 'completes operations of kube-fledged that were interrupted, or that matched no node',
  needs: ['simulated nodes'],
  run: async (world) => {
    const nodes = await world.nodes.add(2);
    await leave(world, 'processing', { status: 'Processing', reason: 'ImageCacheCreate', completionTime: null });
    await leave(world, 'aborted', { status: 'Aborted', reason: 'ImageCacheRefresh' });
    await leave(world, 'purging', { status: 'Processing', reason: 'ImageCachePurge', completionTime: null });
    await leave(world, 'unmatched', { status: 'NoImagesPulledOrDeleted', reason: 'ImageCacheCreate' });
    await world.product.start();
    for (const name of ['processing', 'aborted']) {
      await adopted(world, name);
      const { status } = await world.settled(name);
      expect(status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2', round: { trigger: 'Adopted' } });
    }
    const { status } = await eventually('the purge has ended', () => {
      const cache = world.history.cache('purging');
      return cache?.status.status === 'Succeeded' && cache;
    });
    expect(status).toMatchObject({ reason: 'ImageCachePurge', round: { number: 1, operation: 'Purge' } });
    await eventually('nodes are served that matched later', () => {
      const cache = world.history.cache('unmatched');
      return cache?.status.status === 'Succeeded' && cache.status.nodesReady === '2/2';
    });
    for (const node of nodes) expect(world.history.jobsOf(node)).toHaveLength(3);
  },
};

const stale: Scenario = {
  name: 'removes a trigger annotation that is older than the installation without acting on it, and records an Event',
  hasProductToItself: true,
  run: async (world) => {
    await world.nodes.addOne();
    const annotations = { 'kubefledged.io/purge-imagecache': '', 'example.com/mine': 'stays' };
    await leave(world, 'cache', { status: 'Succeeded', reason: 'ImageCacheCreate' }, annotations);
    await world.product.start();
    await adopted(world, 'cache');
    const cache = await eventually('the annotation is gone', () => {
      const seen = world.history.cache('cache');
      return seen !== undefined && !('kubefledged.io/purge-imagecache' in seen.metadata.annotations) && seen;
    });
    expect(cache.metadata.annotations['example.com/mine']).toBe('stays');
    const event = await eventually('an Event is recorded', async () =>
      (await world.events('cache')).find(({ reason }) => reason === 'StaleTriggerIgnored'),
    );
    expect(event.message).toContain('kubefledged.io/purge-imagecache');
    expect(world.history.jobs()).toEqual([]);
  },
};

export const adopting: readonly Scenario[] = [takeOver, joinLater, resume, stale];
