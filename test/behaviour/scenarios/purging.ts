import { expect } from 'vitest';
import { eventually, throughout } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import { attemptOf, conditionOf, imagesOf, nodeOf, removedBy, type ObservedCache } from '../observed.ts';
import type { World } from '../world.ts';

const annotation = 'kubefledged.io/purge-imagecache';
const refresh = 'kubefledged.io/refresh-imagecache';
const token = 'kubefledged.io/purge-requested-at';
const finalizer = 'kubefledged.io/purge';

const ask = (world: World, annotations: object): Promise<unknown> =>
  world.kube.patch('ImageCache', 'cache', { metadata: { annotations } });

const ended = (world: World, number: number): Promise<ObservedCache> =>
  eventually(`round ${number} has ended`, () => {
    const cache = world.history.cache('cache');
    return cache?.status.round?.number === number && cache.status.status !== 'Processing' ? cache : undefined;
  });

/** The images that each removal Job was to remove from a node. */
const removals = (world: World, node: string): readonly (readonly string[])[] =>
  world.history
    .removals()
    .filter((job) => nodeOf(job) === node)
    .map(removedBy);

/** Waits until the removal of the node is in this state. */
const removed = (world: World, node: string, state = 'Removed') =>
  eventually(`the removal of ${node} is ${state}`, () => {
    const removal = world.history.cache('cache')?.status.removals[node];
    return removal?.state === state ? removal : undefined;
  });

/** Waits until the cache has no placements any more. */
const forgotten = (world: World) =>
  eventually('nothing is placed', () => world.history.cache('cache')?.status.placements.length === 0);

/** A cache of these images that were pulled on one node. */
async function pulled(world: World, images: readonly string[], spec: object = {}): Promise<string> {
  const node = await world.nodes.addOne();
  await world.product.start();
  await world.createCache('cache', images, spec);
  expect((await world.settled('cache')).status.status).toBe('Succeeded');
  return node;
}

const purges: Scenario = {
  name: 'purges a cache on request, removes the annotation, and pulls the images again only after an edit',
  hasProductToItself: true,
  run: async (world) => {
    const images = [await world.image('good', 'a'), await world.image('good', 'b')];
    const node = await pulled(world, images);
    await ask(world, { [annotation]: '' });
    const { status } = await ended(world, 2);
    expect(status).toMatchObject({
      status: 'Succeeded',
      reason: 'ImageCachePurge',
      message: 'All cached images succesfully deleted from respective nodes',
      nodes: {},
    });
    expect(removals(world, node)).toEqual([images]);
    await forgotten(world);
    expect(status.removals[node]).toMatchObject({ state: 'Removed', removed: 2, spared: 0 });
    expect(status.removals[node]?.freedBytes).toBeGreaterThan(0);
    expect(conditionOf(world.history.cache('cache') ?? never(), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Purged',
    });
    await eventually(
      'the annotation is gone',
      () => !(annotation in (world.history.cache('cache')?.metadata.annotations ?? {})),
    );
    await eventually('an Event reports the freed space', async () =>
      (await world.events('cache')).some(
        ({ reason, message }) => reason === 'ImagesRemoved' && /^Removed 2 images \(/.test(message),
      ),
    );
    await world.product.kill();
    await world.product.start();
    await throughout(1, () => {
      expect(world.history.jobsThere()).toEqual([]);
    });

    const other = await world.image('good', 'c');
    await world.editCache('cache', { cacheSpec: [world.list([...images, other])] });
    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
    expect(await world.imagesOn(node)).toEqual(expect.arrayContaining([...images, other]));
  },
};

const never = (): never => {
  throw new Error('there is no cache');
};

const purgesByToken: Scenario = {
  name: 'purges once per token value, and pulls again at an immediate refresh although the node still lists the images',
  run: async (world) => {
    const image = await world.image('good');
    const node = await pulled(world, [image]);
    await ask(world, { [token]: 'one' });
    await ended(world, 2);
    await ask(world, { [token]: 'one', [refresh]: '' });
    const { status } = await ended(world, 3);
    expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh', nodesReady: '1/1' });
    expect(status.lastHandledPurgeAt).toBe('one');
    expect(world.history.jobsOf(node).map(attemptOf)).toEqual(['attempt 1 of round 1', 'attempt 1 of round 3']);
    expect(removals(world, node)).toEqual([[image]]);
    expect(await world.imagesOn(node)).toContain(image);
    await ask(world, { [token]: 'two' });
    expect((await ended(world, 4)).status.reason).toBe('ImageCachePurge');
  },
};

const withdraws: Scenario = {
  name: 'removes images that an edit removes from the spec, in the background, and keeps the others',
  run: async (world) => {
    const [kept, gone] = [await world.image('good', 'kept'), await world.image('good', 'gone')];
    const node = await pulled(world, [kept, gone]);
    await world.editCache('cache', { cacheSpec: [world.list([kept])] });
    expect((await world.settled('cache')).status.status).toBe('Succeeded');
    await removed(world, node);
    expect(removals(world, node)).toEqual([[gone]]);
    await eventually(
      'only placements of the spec are recorded',
      () => world.history.cache('cache')?.status.placements.length === 1,
    );
    expect(world.history.cache('cache')?.status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
    expect(world.history.jobsOf(node).slice(1).flatMap(imagesOf)).not.toContain(gone);
  },
};

const leaves: Scenario = {
  name: 'removes images from nodes that no longer match the selector after an edit or a label change',
  nodes: 2,
  run: async (world) => {
    const [first = '', second = ''] = await world.nodes.add(2);
    await world.nodes.label(first, { tier: 'a' });
    await world.nodes.label(second, { tier: 'b' });
    const image = await world.image('good');
    await world.product.start();
    await world.createCache('cache', [image]);
    await world.settled('cache');
    await world.editCache('cache', { cacheSpec: [world.list([image], { tier: 'a' })] });
    await removed(world, second);
    expect(removals(world, second)).toEqual([[image]]);
    expect(removals(world, first)).toEqual([]);
    await world.nodes.label(first, { tier: 'c' });
    await removed(world, first);
    expect(removals(world, first)).toEqual([[image]]);
  },
};

const shares: Scenario = {
  name: 'keeps images that another cache needs, and reports it',
  run: async (world) => {
    const [own, shared] = [await world.image('good', 'own'), await world.image('good', 'shared')];
    const node = await pulled(world, [own, shared]);
    await world.createCache('other', [shared]);
    await world.settled('other');
    await ask(world, { [annotation]: '' });
    const { status } = await ended(world, 2);
    expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCachePurge' });
    expect(status.removals[node]).toMatchObject({
      removed: 1,
      spared: 1,
      sparedImages: [{ image: shared, reason: 'Wanted' }],
    });
    expect(world.history.cache('other')?.status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
  },
};

const deletes: Scenario = {
  name: 'removes the images of a deleted cache before it is finalized only if its deletionPolicy is Purge',
  run: async (world) => {
    const [purged, left] = [await world.image('good', 'purged'), await world.image('good', 'left')];
    const node = await pulled(world, [purged], { deletionPolicy: 'Purge' });
    await world.createCache('plain', [left]);
    await world.settled('plain');
    await eventually('it has its finalizer', () =>
      world.history.cache('cache')?.metadata.finalizers.includes(finalizer),
    );
    await world.kube.remove('ImageCache', 'plain');
    await world.kube.remove('ImageCache', 'cache');
    await eventually(
      'both are gone',
      () => world.history.cache('cache') === undefined && world.history.cache('plain') === undefined,
    );
    expect(removals(world, node)).toEqual([[purged]]);
    expect((await world.events('cache')).map(({ reason }) => reason)).toContain('ImagesRemoved');
  },
};

const letsGo: Scenario = {
  name: 'finalizes a deleted cache at once when its deletionPolicy is set back to Retain, also while the product was down',
  hasProductToItself: true,
  run: async (world) => {
    const image = await world.image('good');
    const node = await pulled(world, [image], { deletionPolicy: 'Purge' });
    await eventually('it has its finalizer', () =>
      world.history.cache('cache')?.metadata.finalizers.includes(finalizer),
    );
    await world.product.kill();
    await world.kube.remove('ImageCache', 'cache');
    await eventually('it waits', () => world.history.cache('cache')?.metadata.deletionTimestamp);
    await world.kube.patch('ImageCache', 'cache', { spec: { deletionPolicy: 'Retain' } });
    await world.product.start();
    await eventually('it is gone', () => world.history.cache('cache') === undefined);
    expect(removals(world, node)).toEqual([]);
  },
};

const editsAtOnce: Scenario = {
  name: 'purges first and then pulls the new images when a purge is requested together with an edit',
  run: async (world) => {
    const [before, after] = [await world.image('good', 'before'), await world.image('good', 'after')];
    const node = await pulled(world, [before]);
    const cacheSpec = [world.list([after])];
    await world.kube.patch('ImageCache', 'cache', {
      metadata: { annotations: { [annotation]: '' } },
      spec: { cacheSpec },
    });
    const { status } = await ended(world, 2);
    expect(status).toMatchObject({ reason: 'ImageCachePurge', observedGeneration: 2 });
    expect(removals(world, node)).toEqual([[before]]); // the other was never pulled
    await throughout(1, () => {
      expect(world.history.cache('cache')?.status.round?.number).toBe(2);
    });
    await world.editCache('cache', { cacheSpec, imagePullPolicy: 'Always' });
    expect((await ended(world, 3)).status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheUpdate' });
  },
};

const editsBefore: Scenario = {
  name: 'purges what was pulled before three quick edits',
  run: async (world) => {
    const images = await Promise.all(['a', 'b', 'c', 'd'].map((name) => world.image('good', name)));
    const node = await pulled(world, images.slice(0, 1));
    for (const image of images.slice(1)) await world.editCache('cache', { cacheSpec: [world.list([image])] });
    await ask(world, { [annotation]: '' });
    await eventually('it is purged', () => {
      const { status } = world.history.cache('cache') ?? never();
      return status.reason === 'ImageCachePurge' && status.status === 'Succeeded';
    });
    const asked = removals(world, node).flat();
    expect(asked).toContain(images[0]);
    await forgotten(world);
  },
};

const again: Scenario = {
  name: 'purges once when the annotation is added again during the purge',
  run: async (world) => {
    const node = await pulled(world, [await world.image('good')]);
    await ask(world, { [annotation]: '' });
    await eventually('the round is open', () => world.history.cache('cache')?.status.round?.number === 2);
    await ask(world, { [annotation]: null });
    await ask(world, { [annotation]: '' });
    await ended(world, 2);
    await eventually(
      'the annotation is gone',
      () => !(annotation in (world.history.cache('cache')?.metadata.annotations ?? {})),
    );
    await throughout(1, () => {
      expect(world.history.cache('cache')?.status.round?.number).toBe(2);
    });
    expect(removals(world, node)).toHaveLength(1);
  },
};

const absent: Scenario = {
  name: 'ends a purge as Failed with the names of nodes that are not ready, and removes their images when they are back',
  needs: ['simulated nodes'],
  nodes: 2,
  run: async (world) => {
    const away = await world.nodes.addOne();
    const image = await world.image('good');
    const node = await pulled(world, [image]);
    await world.nodes.report(away, 'Ready', 'False');
    await eventually('the node is reported', async () => (await world.kube.get('Node', away)) !== undefined);
    await ask(world, { [annotation]: '' });
    const { status } = await ended(world, 2);
    expect(status).toMatchObject({
      status: 'Failed',
      message: 'Image deletion failed for some images. Please see "failures" section',
      failures: { [image]: [{ node: away, reason: 'NotReady', message: 'Check if node is ready' }] },
      removals: { [node]: { state: 'Removed' }, [away]: { state: 'Skipped', reason: 'NotReady' } },
    });
    await world.nodes.report(away, 'Ready', 'True');
    await removed(world, away);
    expect(world.history.cache('cache')?.status).toMatchObject({
      status: 'Succeeded',
      message: 'All cached images succesfully deleted from respective nodes',
      failures: {},
      round: { number: 2 },
    });
  },
};

const hindered: Scenario = {
  name: 'purges nodes that are cordoned or under DiskPressure',
  needs: ['simulated nodes'],
  nodes: 2,
  run: async (world) => {
    const [cordoned = '', full = ''] = await world.nodes.add(2);
    const image = await world.image('good');
    await pulled(world, [image]);
    await world.nodes.cordon(cordoned, true);
    await world.nodes.report(full, 'DiskPressure', 'True');
    await ask(world, { [annotation]: '' });
    const { status } = await ended(world, 2);
    expect(status).toMatchObject({
      status: 'Succeeded',
      message: 'All cached images succesfully deleted from respective nodes',
      removals: { [cordoned]: { state: 'Removed', removed: 1 }, [full]: { state: 'Removed', removed: 1 } },
    });
  },
};

/** Images are removed from nodes only on request, and never while they are needed. */
export const purging: readonly Scenario[] = [
  purges,
  purgesByToken,
  withdraws,
  leaves,
  shares,
  deletes,
  letsGo,
  editsAtOnce,
  editsBefore,
  again,
  absent,
  hindered,
];
