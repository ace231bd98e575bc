import { expect } from 'vitest';
import { eventually, throughout } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import { isFinished, isReady, nodeOf, type ObservedCache } from '../observed.ts';
import type { World } from '../world.ts';

const stateOf = ({ history }: World, node: string): string | undefined =>
  history.cache('cache')?.status.nodes[node]?.state;

const becomes = (world: World, node: string, state: string, seconds = 30): Promise<boolean> =>
  eventually(`${node} is ${state}`, () => stateOf(world, node) === state, seconds);

/** A cache of one good image whose first round has succeeded. */
async function pulled(world: World, spec: object = {}): Promise<string> {
  const image = await world.image('good');
  await world.product.start();
  await world.createCache('cache', [image], spec);
  expect((await world.settled('cache')).status.status).toBe('Succeeded');
  return image;
}

const joins: Scenario = {
  name: 'pulls on a node that joins, with a Job within 1 s of Ready and without a new round',
  needs: ['simulated nodes'],
  isClusterWide: true,
  isMeasured: true,
  run: async (world) => {
    await world.nodes.addOne();
    await pulled(world);
    const before = world.history.cacheChanges('cache').length;
    const joined = await world.nodes.addOne();
    const readyAt = Date.now();

    await eventually('it has a Job', () => world.history.jobsOf(joined).length > 0, 5);
    const made = world.history.jobChanges().find(({ object }) => nodeOf(object) === joined);
    expect((made?.at ?? Infinity) - readyAt).toBeLessThan(1000);
    await becomes(world, joined, 'Ready');
    const since = world.history
      .cacheChanges('cache')
      .slice(before)
      .map(({ object }) => object);
    expect(since.every(isTrue)).toBe(true);
    expect(since.some((cache) => !isReady(cache))).toBe(true);
    expect(since.at(-1)?.status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
  },
};

const manyCaches = Array.from({ length: 60 }, (_, index) => `cache-${index}`);

const joinsMany: Scenario = {
  name: 'serves a node that joins for 60 caches within 20 s, with at most 16 pull Pods there at once',
  needs: ['simulated nodes', 'parallel pulls'],
  isClusterWide: true,
  isMeasured: true,
  run: async (world) => {
    await world.product.start();
    for (const name of manyCaches) await world.createCache(name, [await world.image('good', name)]);
    for (const name of manyCaches) await world.settled(name);

    const joined = await world.nodes.addOne();
    const readyAt = Date.now();
    const isServed = (name: string): boolean => world.history.cache(name)?.status.nodes[joined]?.state === 'Ready';
    await eventually('all caches have served it', () => manyCaches.every(isServed), 60);
    const seconds = (Date.now() - readyAt) / 1000;
    const pods = mostPods(world, joined);
    console.log(`60 caches have served a node that joined after ${seconds.toFixed(1)} s, with ${pods} Pods at once`);
    expect(pods).toBeLessThanOrEqual(16);
    expect(pods).toBeGreaterThan(4);
    expect(world.history.jobsOf(joined)).toHaveLength(manyCaches.length);
    expect(seconds).toBeLessThan(20);
  },
};

/** The most pull Pods that were on a node at once. */
function mostPods({ history }: World, node: string): number {
  const live = new Set<string>();
  let most = 0;
  for (const { type, object } of history.podChanges()) {
    if (nodeOf(object) !== node) continue;
    const hasEnded = type === 'DELETED' || ['Succeeded', 'Failed'].includes(object.status.phase);
    if (hasEnded) live.delete(object.metadata.uid);
    else live.add(object.metadata.uid);
    most = Math.max(most, live.size);
  }
  return most;
}

/** The cache is Succeeded and Ready exactly if all nodes are. */
const isTrue = (cache: ObservedCache): boolean => {
  const areAll = Object.values(cache.status.nodes).every(({ state }) => state === 'Ready');
  const hasSucceeded = cache.status.status === 'Succeeded';
  return hasSucceeded === areAll && isReady(cache) === areAll && cache.status.round?.number === 1;
};

const failsLater: Scenario = {
  name: 'is Failed within seconds when a node that joins can not pull, and Succeeded again when it leaves',
  needs: ['simulated nodes'],
  run: async (world) => {
    await world.nodes.add(1, { tier: 'a' });
    const lists = [
      world.list([await world.image('good')], { tier: 'a' }),
      world.list([await world.image('missing')], { tier: 'b' }),
    ];
    await world.product.start();
    await world.createCache('cache', [], { cacheSpec: lists, refresh: { intervalSeconds: 0 } });
    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
    const bad = await world.nodes.addOne({ tier: 'b' });
    await eventually('it is Failed', () => world.history.cache('cache')?.status.status === 'Failed');
    const failed = world.history.cache('cache');
    expect(failed?.status).toMatchObject({ nodesReady: '1/2', round: { number: 1 } });
    expect(failed?.status.message).toMatch(
      /^Image pull failed for some images\. Please see "failures" section: 1 image /,
    );
    expect(failed !== undefined && isReady(failed)).toBe(false);
    await world.nodes.remove(bad);
    await eventually('it has succeeded', () => world.history.cache('cache')?.status.status === 'Succeeded');
    expect(world.history.cache('cache')?.status).toMatchObject({
      failures: {},
      nodesReady: '1/1',
      round: { number: 1 },
    });
  },
};

const labelled: Scenario = {
  name: 'pulls on a node whose changed label matches, and forgets one whose label no longer matches',
  needs: ['slow images', 'simulated nodes'],
  run: async (world) => {
    const [first = '', second = ''] = await world.nodes.add(2);
    await world.nodes.label(first, { tier: 'web' });
    const image = await world.image('good');
    await world.product.start();
    await world.createCache('cache', [], { cacheSpec: [world.list([image], { tier: 'web' })] });
    await world.settled('cache');
    expect(stateOf(world, second)).toBeUndefined();

    await world.nodes.label(second, { tier: 'web' });
    await becomes(world, second, 'Ready');
    expect(await world.imagesOn(second)).toEqual([image]);

    await world.editCache('cache', { cacheSpec: [world.list([await world.image('hang')], { tier: 'web' })] });
    await eventually('both pull', () => world.history.jobsThere().length === 2);
    await world.nodes.label(second, { tier: null });
    await eventually('it is forgotten', () => stateOf(world, second) === undefined);
    await eventually('its Job is gone', () => world.history.jobsThere().length === 1);
    expect(stateOf(world, first)).toBe('Pulling');
  },
};

const lost: Scenario = {
  name: 'does not wait for a node that becomes NotReady during a pull, and retries when it is back',
  needs: ['slow images', 'simulated nodes'],
  run: async (world) => {
    const steady = await world.nodes.addOne({ speed: 'fast' });
    const shaky = await world.nodes.addOne({ speed: 'slow' });
    const [good, slow] = [await world.image('good'), await world.image('slow')];
    await world.product.start();
    const cacheSpec = [world.list([good], { speed: 'fast' }), world.list([slow], { speed: 'slow' })];
    await world.createCache('cache', [], { cacheSpec });
    await eventually('both pull', () => world.history.podsThere().length === 2);
    await world.nodes.report(shaky, 'Ready', 'False');

    const { status } = await world.settled('cache', 15);
    expect(status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1', nodeCounts: { skipped: 1 } });
    expect(status.nodes).toMatchObject({
      [steady]: { state: 'Ready' },
      [shaky]: { state: 'Skipped', reason: 'NotReady' },
    });
    await world.nodes.report(shaky, 'Ready', 'True');
    await becomes(world, shaky, 'Ready');
    expect(await world.imagesOn(shaky)).toEqual([slow]);
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
  },
};

type Nodes = World['nodes'];

const hindrances: readonly {
  readonly reason: string;
  readonly begin: (nodes: Nodes, name: string) => Promise<void>;
  readonly end: (nodes: Nodes, name: string) => Promise<void>;
}[] = [
  {
    reason: 'Unschedulable',
    begin: (nodes, name) => nodes.cordon(name, true),
    end: (nodes, name) => nodes.cordon(name, false),
  },
  {
    reason: 'DiskPressure',
    begin: (nodes, name) => nodes.report(name, 'DiskPressure', 'True'),
    end: (nodes, name) => nodes.report(name, 'DiskPressure', 'False'),
  },
  {
    reason: 'OptedOut',
    begin: (nodes, name) => nodes.mark(name, { 'kubefledged.io/skip': 'true' }),
    end: (nodes, name) => nodes.mark(name, { 'kubefledged.io/skip': null }),
  },
  {
    reason: 'TaintNotTolerated',
    begin: (nodes, name) => nodes.taint(name, [{ key: 'example.com/own', effect: 'NoSchedule' }]),
    end: (nodes, name) => nodes.taint(name, []),
  },
];

const hindered: readonly Scenario[] = hindrances.map(({ reason, begin, end }) => ({
  name: `skips a node for ${reason}, and pulls when the reason is resolved`,
  needs: ['simulated nodes'],
  run: async (world) => {
    const [free = '', hinderedNode = ''] = await world.nodes.add(2);
    await begin(world.nodes, hinderedNode);
    const image = await pulled(world, { tolerations: [], unschedulable: 'Skip' });
    expect(stateOf(world, free)).toBe('Ready');
    expect(world.history.cache('cache')?.status.nodes[hinderedNode]).toMatchObject({ state: 'Skipped', reason });
    expect(world.history.jobsOf(hinderedNode)).toEqual([]);

    await end(world.nodes, hinderedNode);
    await becomes(world, hinderedNode, 'Ready');
    expect(await world.imagesOn(hinderedNode)).toEqual([image]);
  },
}));

const cordoned: Scenario = {
  name: 'pulls to cordoned nodes, as kube-fledged does, although the spec tolerates no taint',
  needs: ['simulated nodes'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await world.nodes.cordon(node, true);
    const image = await pulled(world, { tolerations: [] });
    expect(await world.imagesOn(node)).toEqual([image]);
  },
};

const tolerant: Scenario = {
  name: 'tolerates all taints if the spec has no tolerations, as kube-fledged does',
  needs: ['simulated nodes'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await world.nodes.taint(node, [{ key: 'example.com/own', effect: 'NoExecute' }]);
    const image = await pulled(world);
    expect(await world.imagesOn(node)).toEqual([image]);
  },
};

const leaves: Scenario = {
  name: 'forgets a node that is deleted during a pull, and deletes its Jobs',
  needs: ['slow images', 'simulated nodes'],
  run: async (world) => {
    await world.nodes.addOne({ speed: 'fast' });
    const leaving = await world.nodes.addOne({ speed: 'never' });
    const [good, hang] = [await world.image('good'), await world.image('hang')];
    await world.product.start();
    const cacheSpec = [world.list([good], { speed: 'fast' }), world.list([hang], { speed: 'never' })];
    await world.createCache('cache', [], { cacheSpec });
    await eventually('both pull', () => world.history.podsThere().length === 2);
    await world.nodes.remove(leaving);

    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
    expect(stateOf(world, leaving)).toBeUndefined();
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
  },
};

const again: Scenario = {
  name: 'pulls on a new machine with the name of a deleted node',
  needs: ['simulated nodes'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await pulled(world);
    await world.nodes.recreate(node);
    await eventually('it has another Job', () => world.history.jobsOf(node).length === 2);
    await becomes(world, node, 'Ready');
    expect(new Set(world.history.jobs().map(({ metadata }) => metadata.name)).size).toBe(2);
    await throughout(1, () => {
      expect(world.history.jobsOf(node)).toHaveLength(2);
    });
  },
};

const surges = [
  { what: 'maxConcurrentNodes: 2', nodes: 6, spec: { maxConcurrentNodes: 2 }, start: undefined, most: 2 },
  { what: 'maxConcurrentNodes: 20%', nodes: 10, spec: { maxConcurrentNodes: '20%' }, start: undefined, most: 2 },
  { what: '--jobs-max-surge=1', nodes: 3, spec: {}, start: { flags: ['--jobs-max-surge=1'] }, most: 1 },
] as const;

const throttled: readonly Scenario[] = surges.map(({ what, nodes, spec, start, most }) => ({
  name: `pulls on all nodes, on no more of them at once than ${what} allows`,
  needs: ['simulated nodes'],
  hasProductToItself: start !== undefined,
  run: async (world) => {
    await world.nodes.add(nodes);
    await world.product.start(start);
    await world.createCache('cache', [await world.image('good')], spec);

    expect((await world.settled('cache', 90)).status).toMatchObject({
      status: 'Succeeded',
      nodesReady: `${nodes}/${nodes}`,
    });
    expect(world.history.maxPullingJobs()).toBe(most);
    expect(Math.max(...world.history.cacheChanges('cache').map(({ object }) => pullingIn(object)))).toBe(most);
    expect(world.history.jobs()).toHaveLength(nodes);
    await eventually('all Jobs are deleted', () => world.history.jobsThere().every(isFinished));
  },
}));

const pullingIn = ({ status }: ObservedCache): number =>
  Object.values(status.nodes).filter(({ state }) => state === 'Pulling').length;

export const nodes: readonly Scenario[] = [
  joins,
  joinsMany,
  failsLater,
  labelled,
  lost,
  ...hindered,
  cordoned,
  tolerant,
  leaves,
  again,
  ...throttled,
];
