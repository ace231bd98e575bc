import { expect } from 'vitest';
import { eventually, throughout } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import { conditionOf, imagesOf, isFinished } from '../observed.ts';

const whileProcessing: Scenario = {
  name: 'stops a round in progress when the spec is edited, and starts one for the new spec',
  needs: ['slow images'],
  run: async (world) => {
    const nodes = await world.nodes.add(2);
    const [slow, good] = [await world.image('slow'), await world.image('good')];
    await world.product.start();
    await world.createCache('cache', [slow]);
    await eventually('both nodes pull', () => world.history.podsThere().length === 2);
    await world.editCache('cache', { cacheSpec: [world.list([good])] });

    const { status } = await world.settled('cache');

    expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheUpdate', observedGeneration: 2 });
    for (const node of nodes) expect(await world.imagesOn(node)).toEqual([good]);
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
  },
};

const repair: Scenario = {
  name: 'clears a failure that an edit fixes, during its round and after it',
  run: async (world) => {
    const node = await world.nodes.addOne();
    const [missing, good] = [await world.image('missing'), await world.image('good')];
    await world.product.start();
    await world.createCache('ended', [missing]);
    await world.createCache('running', [missing]);
    await eventually('a Job of it runs', () => world.history.cache('running')?.status.status === 'Processing');
    await world.editCache('running', { cacheSpec: [world.list([good])] });
    expect((await world.settled('ended')).status.status).toBe('Failed');
    await world.editCache('ended', { cacheSpec: [world.list([good])] });

    for (const name of ['ended', 'running']) {
      const cache = await world.settled(name);
      expect(cache.status).toMatchObject({ status: 'Succeeded', failures: {}, failuresOmitted: 0 });
      expect(conditionOf(cache, 'Ready').status).toBe('True');
      expect(conditionOf(cache, 'Stalled').status).toBe('False');
    }
    expect(await world.imagesOn(node)).toContain(good);
  },
};

const everyEdit: Scenario = {
  name: 'follows an edit that adds and removes images, adds a list or changes a selector',
  nodes: 2,
  run: async (world) => {
    const plain = await world.nodes.addOne();
    const web = await world.nodes.addOne({ tier: 'web' });
    const [a, b, c] = [await world.image('good', 'a'), await world.image('good', 'b'), await world.image('good', 'c')];
    await world.product.start();
    await world.createCache('cache', [a]);
    await world.settled('cache');

    const edits = [
      { cacheSpec: [world.list([a, b])], ready: '2/2' },
      { cacheSpec: [world.list([b])], ready: '2/2' },
      { cacheSpec: [world.list([b]), world.list([c], { tier: 'web' })], ready: '2/2' },
      { cacheSpec: [world.list([b], { tier: 'web' })], ready: '1/1' },
    ];
    for (const { cacheSpec, ready } of edits) {
      await world.editCache('cache', { cacheSpec });
      expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: ready });
    }
    // Images that left the spec may already be removed, so this checks what was pulled.
    expect(world.history.imagesPulled(plain)).toEqual([a, b].toSorted());
    expect(world.history.imagesPulled(web)).toEqual([a, b, c].toSorted());
    expect(world.history.cache('cache')?.status.round?.number).toBe(5);
  },
};

const suspendFirst: Scenario = {
  name: 'does nothing for a suspended cache until it is resumed',
  run: async (world) => {
    await world.nodes.addOne();
    await world.product.start();
    await world.createCache('cache', [await world.image('good')], { suspend: true });
    const suspended = await eventually('its suspension is reported', () => {
      const cache = world.history.cache('cache');
      return cache !== undefined && conditionOf(cache, 'Reconciling').reason === 'Suspended' && cache;
    });
    expect(conditionOf(suspended, 'Ready').status).toBe('Unknown');
    await throughout(2, () => {
      expect(world.history.jobs()).toEqual([]);
    });
    await world.editCache('cache', { suspend: false });
    expect((await world.settled('cache')).status.status).toBe('Succeeded');
  },
};

const suspendLater: Scenario = {
  name: 'deletes its Jobs when a cache is suspended during a round, and continues when it is resumed',
  needs: ['slow images'],
  run: async (world) => {
    const nodes = await world.nodes.add(2);
    const image = await world.image('slow');
    await world.product.start();
    await world.createCache('cache', [image]);
    await eventually('both nodes pull', () => world.history.podsThere().length === 2);
    await world.editCache('cache', { suspend: true });

    expect((await world.settled('cache')).status.status).toBe('Aborted');
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
    await world.editCache('cache', { suspend: false });
    expect((await world.settled('cache')).status.status).toBe('Succeeded');
    for (const node of nodes) expect(await world.imagesOn(node)).toEqual([image]);
  },
};

const retain: Scenario = {
  name: 'retains finished Jobs on request until newer Jobs with the same images have succeeded on their nodes',
  run: async (world) => {
    await world.nodes.addOne();
    const [a, b] = [await world.image('good', 'a'), await world.image('good', 'b')];
    await world.product.start();
    await world.createCache('cache', [a], { jobRetentionPolicy: 'Retain' });
    await world.settled('cache');
    await eventually('the Job is finished', () => world.history.jobs().every(isFinished));
    await throughout(2, () => {
      expect(world.history.jobsThere().map(imagesOf)).toEqual([[a]]);
    });
    const annotations = { 'kubefledged.io/refresh-requested-at': 'now' };
    await world.kube.patch('ImageCache', 'cache', { metadata: { annotations } });
    await eventually('a refresh had nothing to pull', () => world.history.cache('cache')?.status.round?.number === 2);
    await throughout(2, () => {
      expect(world.history.jobsThere().map(imagesOf)).toEqual([[a]]);
    });
    await world.editCache('cache', { cacheSpec: [world.list([b])] });
    await world.settled('cache');
    await eventually('only the latest Job is left', () => world.history.jobsThere().length === 1);
    await throughout(2, () => {
      expect(world.history.jobsThere().map(imagesOf)).toEqual([[b]]);
    });
  },
};

const deletion: Scenario = {
  name: 'leaves no objects of a cache that is deleted during a round',
  needs: ['slow images'],
  run: async (world) => {
    await world.nodes.add(2);
    await world.product.start();
    await world.createCache('cache', [await world.image('hang')]);
    await eventually('both nodes pull', () => world.history.podsThere().length === 2);
    await world.kube.remove('ImageCache', 'cache');
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
    await eventually('no Pod is left', () => world.history.podsThere().length === 0);
    await throughout(2, () => {
      expect(world.history.jobs()).toHaveLength(2);
    });
  },
};

export const editing: readonly Scenario[] = [
  whileProcessing,
  repair,
  everyEdit,
  suspendFirst,
  suspendLater,
  retain,
  deletion,
];
