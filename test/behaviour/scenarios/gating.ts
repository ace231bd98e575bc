import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import * as z from 'zod/mini';
import { eventually } from '../eventually.ts';
import { hasStarted } from '../history.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

const node = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()) }),
  spec: z.prefault(z.object({ taints: z._default(z.array(z.object({ key: z.string() })), []) }), {}),
});

const keyOf = ({ namespace }: World): string => `${namespace}.example.com/cold`;
/** A tick each second, as timeouts are evaluated at ticks. */
const heartbeat = { TICK_SCHEDULE: '* * * * * *' } as const;

const start = (world: World): Promise<void> => {
  const flags = [`--warm-gate-taints=${keyOf(world)}`, `--warm-gate-namespaces=${world.namespace}`];
  return world.product.start({ flags, env: heartbeat });
};

/** Adds a node that joins with the startup taint of its pool. */
const join = (world: World): Promise<string> => world.nodes.join([{ key: keyOf(world), effect: 'NoSchedule' }]);

const look = async (world: World, name: string): Promise<'held' | 'warm' | 'cold'> => {
  const { metadata, spec } = node.parse(await world.kube.get('Node', name));
  if (spec.taints.some(({ key }) => key === keyOf(world))) return 'held';
  return metadata.labels['kubefledged.io/warm'] === 'true' ? 'warm' : 'cold';
};

const isOn = (world: World, name: string, cache: string, state: string): boolean =>
  world.history.cache(cache)?.status.nodes[name]?.state === state;

/** A user's Pod without tolerations that selects the scenario's nodes. */
const work = async (world: World, image: string): Promise<void> => {
  const containers = [{ name: 'work', image }];
  const spec = { restartPolicy: 'Never', nodeSelector: world.nodes.pool, containers };
  await world.kube.create('Job', 'work', { spec: { template: { spec } } });
};

const workChanges = ({ history }: World) =>
  history.podChanges().filter(({ object }) => object.metadata.labels['batch.kubernetes.io/job-name'] === 'work');

const held: Scenario = {
  name: 'keeps the startup taint, and thereby pods off a node that joins, until the images of all gated caches are present',
  needs: ['simulated nodes'],
  hasProductToItself: true,
  run: async (world) => {
    const [first, second] = [await world.image('good', 'first'), await world.image('good', 'second')];
    await start(world);
    const warmGate = { taintKey: keyOf(world) };
    await world.createCache('first', [first], { warmGate, tolerations: [] });
    await world.createCache('second', [await world.image('missing')], { warmGate });
    const name = await join(world);
    await work(world, first);
    await eventually('the image of the first is present', () => isOn(world, name, 'first', 'Ready'));
    await sleep(1500); // a heartbeat
    expect(await look(world, name)).toBe('held');
    expect(workChanges(world).every(({ object }) => object.spec.nodeName === '')).toBe(true);
    await world.editCache('second', { cacheSpec: [world.list([second])] });
    await eventually('the image of the second is present', () => isOn(world, name, 'second', 'Ready'));
    await eventually('the startup taint is removed', async () => (await look(world, name)) === 'warm', 5);

    const placed = await eventually('the user Pod exists', () =>
      workChanges(world).find(({ object }) => object.spec.nodeName === name),
    );
    const warm = world.history
      .cacheChanges('second')
      .find(({ object }) => object.status.nodes[name]?.state === 'Ready');
    expect(placed.at).toBeGreaterThan(warm?.at ?? Infinity);
    await eventually('the user Pod has finished', () => workChanges(world).at(-1)?.object.status.phase === 'Succeeded');
  },
};

const prompt: Scenario = {
  name: 'removes the startup taint within 1 s of the last image',
  needs: ['simulated nodes'],
  hasProductToItself: true,
  isMeasured: true,
  run: async (world) => {
    await start(world);
    await world.createCache('cache', [await world.image('good')], { warmGate: { taintKey: keyOf(world) } });
    const name = await join(world);
    await eventually('the startup taint is removed', async () => (await look(world, name)) === 'warm');
    const freed = Date.now();
    const withImage = await eventually('the history has its image', () =>
      world.history
        .podChanges()
        .find(({ object }) => object.status.containerStatuses.some(({ state }) => hasStarted(state))),
    );
    expect(freed - withImage.at).toBeLessThan(1000);
  },
};

const late: Scenario = {
  name: 'removes the startup taint at the timeout, with an Event and without the warm label',
  needs: ['simulated nodes'],
  hasProductToItself: true,
  run: async (world) => {
    await start(world);
    const warmGate = { taintKey: keyOf(world), timeoutSeconds: 5 };
    await world.createCache('cache', [await world.image('missing')], { warmGate });
    const name = await join(world);
    await eventually('its image is being pulled', () => world.history.jobsOf(name).length > 0);
    expect(await look(world, name)).toBe('held');
    await eventually('the startup taint is removed', async () => (await look(world, name)) === 'cold');
    const timeoutEvent = async () => (await world.events('cache')).find(({ reason }) => reason === 'WarmGateTimeout');
    await eventually('the Event is recorded', async () => (await timeoutEvent()) !== undefined);
    expect(await timeoutEvent()).toMatchObject({
      type: 'Warning',
      message: expect.stringContaining(`The startup taint of node ${name} was removed after 5 s`) as unknown,
    });
  },
};

const off: Scenario = {
  name: 'does not remove a taint that the operator has not configured, and reports it',
  needs: ['simulated nodes'],
  hasProductToItself: true,
  run: async (world) => {
    await world.product.start({ env: heartbeat });
    await world.createCache('cache', [await world.image('good')], {
      warmGate: { taintKey: keyOf(world), timeoutSeconds: 1 },
    });
    const name = await join(world);
    await eventually('its images are present', () => isOn(world, name, 'cache', 'Ready'));
    await sleep(2500);
    expect(await look(world, name)).toBe('held');
    expect((await world.events('cache')).map(({ reason }) => reason)).toContain('WarmGateOff');
  },
};

/** Nodes that accept no pods before their images are present. */
export const gating: readonly Scenario[] = [held, late, off, prompt];
