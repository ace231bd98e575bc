import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '#runtime/api/create-api.ts';
import { eventually } from '../../behaviour/eventually.ts';
import { collection } from '../../behaviour/kind.ts';
import { labUnderTest } from '../../behaviour/lab-under-test.ts';
import { simulatedCluster } from '../../behaviour/simulated-cluster.ts';
import { recordWatch } from '../../behaviour/watch.ts';
import { createWorld, type World } from '../../behaviour/world.ts';
import { beingDeleted, healthRows } from './health-rows.ts';
import { kstatus } from './kstatus.ts';
import { computeStatuses } from './kstatus-program.ts';

const statusesOf = async (objects: readonly object[]): Promise<readonly string[]> =>
  (await computeStatuses(objects)).map(({ status }) => status);

const conditionStatus = fc.constantFrom('True', 'False', 'Unknown');
const condition = fc.record({
  type: fc.constantFrom('Ready', 'Reconciling', 'Stalled', 'Other'),
  status: conditionStatus,
  reason: fc.constant('Any'),
});

/** ImageCaches with any conditions and generations, also some that we never write. */
const anyCache = fc.record({
  apiVersion: fc.constant('kubefledged.io/v1alpha2'),
  kind: fc.constant('ImageCache'),
  metadata: fc.record(
    {
      name: fc.constant('web'),
      generation: fc.integer({ min: 1, max: 3 }),
      deletionTimestamp: fc.constant('2026-11-24T12:00:00Z'),
    },
    { requiredKeys: ['name', 'generation'] },
  ),
  status: fc.record(
    {
      observedGeneration: fc.integer({ min: 1, max: 3 }),
      conditions: fc.uniqueArray(condition, { selector: ({ type }) => type }),
    },
    { requiredKeys: [] },
  ),
});

describe('the Go module of kstatus', () => {
  beforeAll(() => computeStatuses([])); // builds it if necessary

  const rows = [...healthRows, beingDeleted];

  it('computes the expected status of an ImageCache in every phase', async () => {
    const statuses = await statusesOf(rows.map(({ of }) => of));
    expect(rows.map(({ when }, index) => [when, statuses[index]])).toEqual(
      rows.map(({ when, kstatus: expected }) => [when, expected]),
    );
  });

  it('agrees with our implementation of its rules for any ImageCache', async () => {
    const caches = fc.sample(anyCache, 2000);
    const statuses = await statusesOf(caches);
    for (const [index, cache] of caches.entries())
      expect({ cache, status: kstatus(cache) }).toEqual({ cache, status: statuses[index] });
  });
});

describe('a live ImageCache', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(simulatedCluster(await labUnderTest()), { isClusterWide: false });
  });
  afterAll(async () => {
    await world.end();
  });

  it('goes through these statuses from creation to deletion', async () => {
    const { kubeconfig } = await labUnderTest();
    const api = createApi({ kubeconfig, master: '', inCluster: false });
    const seen = await recordWatch(api, collection('ImageCache', world.namespace), (object) => object as object);
    await world.nodes.addOne();
    await world.product.start();

    await world.createCache('cache', [await world.image('good')], { deletionPolicy: 'Purge' });
    await world.settled('cache');
    await world.editCache('cache', { cacheSpec: [world.list([await world.image('missing')])] });
    await world.settled('cache');
    await world.editCache('cache', { cacheSpec: [world.list([await world.image('good')])] });
    await world.settled('cache');
    await world.kube.remove('ImageCache', 'cache');
    await eventually('the cache is deleted', () => world.history.cache('cache') === undefined);

    const statuses = await statusesOf(seen.changes().map(({ object }) => object));
    await seen.stop();
    api.close();
    expect(statuses.filter((status, index) => status !== statuses[index - 1])).toEqual([
      'Current', // no status yet
      'InProgress',
      'Current',
      'InProgress',
      'Failed',
      'InProgress',
      'Current',
      'Terminating',
    ]);
  });
});
