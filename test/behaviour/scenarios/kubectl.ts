import { expect } from 'vitest';
import { timeFactor } from '../time-factor.ts';
import type { Scenario } from '../scenario.ts';
import { parseCache } from '../observed.ts';
import type { World } from '../world.ts';

const needs = ['kubectl'] as const;

/** `kubectl wait` for a condition; throws at the timeout. */
const waitFor = (world: World, condition: string): Promise<string> =>
  world.kubectl('wait', `--for=condition=${condition}`, 'imagecache/cache', `--timeout=${40 * timeFactor()}s`);

const live = async (world: World) => parseCache(await world.kube.get('ImageCache', 'cache')).status;

const waits: Scenario = {
  name: 'supports kubectl wait for Ready, after the first round and after an edit',
  needs,
  run: async (world) => {
    await world.nodes.addOne();
    const [a, b] = [await world.image('good', 'a'), await world.image('good', 'b')];
    await world.product.start();
    await world.createCache('cache', [a]);
    await waitFor(world, 'Ready');
    // Read from the API server, as the watch of the history may be behind that of kubectl.
    expect(await live(world)).toMatchObject({ status: 'Succeeded', observedGeneration: 1 });
    await world.editCache('cache', { cacheSpec: [world.list([a, b])] });
    await waitFor(world, 'Reconciling=False');
    expect(await live(world)).toMatchObject({ status: 'Succeeded', observedGeneration: 2 });
  },
};

const failureWaits: Scenario = {
  name: 'supports kubectl wait for the end of a failed round',
  needs,
  run: async (world) => {
    await world.nodes.addOne();
    await world.product.start();
    await world.createCache('cache', [await world.image('missing')]);
    await waitFor(world, 'Reconciling=False');
    await waitFor(world, 'Stalled');
    await expect(world.kubectl('wait', '--for=condition=Ready', 'ic/cache', '--timeout=1s')).rejects.toThrow(
      'timed out',
    );
  },
};

const columns: Scenario = {
  name: 'shows the state of a cache in the columns of kubectl get',
  needs,
  run: async (world) => {
    await world.nodes.addOne();
    await world.product.start();
    await world.createCache('cache', [await world.image('good'), await world.image('missing')]);
    await world.settled('cache');
    const [head = '', row = ''] = (await world.kubectl('get', 'ic', '-o', 'wide')).split('\n');
    expect(head.trim().split(/ {2,}/)).toEqual([
      'NAME',
      'STATUS',
      'NODES',
      'FAILING',
      'FAILED',
      'SKIPPED',
      'REASON',
      'SUSPEND',
      'AGE',
      'MESSAGE',
      'REFRESHED',
    ]);
    expect(row).toMatch(/^cache +Failed +0\/1 +0 +1 +0 +ImageCacheCreate +\d+s +Image pull failed for some images/);
  },
};

export const kubectl: readonly Scenario[] = [waits, failureWaits, columns];
