import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { eventually, throughout } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

/** The end after every restart during a round: each node has its image from one Job, and no Job is left. */
async function cameToAnEnd(world: World, nodes: readonly string[], image: string): Promise<void> {
  const { status } = await world.settled('cache', 60);
  expect(status).toMatchObject({ status: 'Succeeded', nodesReady: `${nodes.length}/${nodes.length}` });
  for (const node of nodes) expect(await world.imagesOn(node)).toEqual([image]);
  for (const node of nodes) expect(world.history.jobsOf(node)).toHaveLength(1);
  await eventually('no Job is left', () => world.history.jobsThere().length === 0);
}

const stopWell = async ({ product }: World): Promise<void> => {
  expect(await product.stop()).toBe(0);
};

const interruptions = [
  { how: 'stopped', interrupt: stopWell, isLong: true },
  { how: 'killed', interrupt: ({ product }: World) => product.kill(), isLong: false },
] as const;

const restarts: readonly Scenario[] = interruptions.map(({ how, interrupt, isLong }) => ({
  name: `resumes a round after it was ${how}`,
  needs: ['slow images'],
  isClusterWide: true,
  isLong,
  run: async (world) => {
    const nodes = await world.nodes.add(3);
    const image = await world.image('slow');
    await world.product.start();
    await world.createCache('cache', [image]);
    await eventually('all pull', () => world.history.podsThere().length === 3);
    await interrupt(world);
    await world.product.start();
    await cameToAnEnd(world, nodes, image);
  },
}));

const missedEnd: Scenario = {
  name: 'observes finished Jobs and edits that it missed while it was down',
  needs: ['slow images'],
  hasProductToItself: true,
  run: async (world) => {
    const nodes = await world.nodes.add(2);
    const [slow, good] = [await world.image('slow'), await world.image('good')];
    await world.product.start();
    await world.createCache('edited', [slow]);
    await world.createCache('cache', [slow]);
    await eventually('all pull', () => world.history.podsThere().length === 4);
    await world.product.stop();
    await world.editCache('edited', { cacheSpec: [world.list([good])] });
    await eventually('the Pods end', () =>
      world.history.podsThere().every(({ status }) => status.phase === 'Succeeded'),
    );
    await world.product.start();
    expect((await world.settled('edited')).status).toMatchObject({ status: 'Succeeded', observedGeneration: 2 });
    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
    expect(world.history.jobs()).toHaveLength(3 * nodes.length);
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
  },
};

const ticksOnly: Scenario = {
  name: 'reaches the same end state by ticks alone, without events of changes',
  needs: ['simulated nodes'],
  hasProductToItself: true,
  run: async (world) => {
    await world.nodes.add(2);
    const [good, missing] = [await world.image('good'), await world.image('missing')];
    await world.product.start({ function: 'refresh' });
    await world.createCache('good', [good]);
    await world.createCache('bad', [good, missing]);
    const beating = { isOver: false };
    const beat = async (): Promise<void> => {
      while (!beating.isOver) {
        await world.product.tick();
        await sleep(500);
      }
    };
    const heart = beat();
    try {
      expect((await world.settled('good')).status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
      expect((await world.settled('bad')).status).toMatchObject({ status: 'Failed', nodesReady: '0/2' });
      const joined = await world.nodes.addOne();
      await eventually('it is served', () => world.history.cache('good')?.status.nodes[joined]?.state === 'Ready');
      await eventually('no Job is left', () => world.history.jobsThere().length === 0);
    } finally {
      beating.isOver = true;
      await heart;
    }
  },
};

const quiet: Scenario = {
  name: 'writes nothing after the round has ended, also after a restart',
  hasProductToItself: true,
  run: async (world) => {
    await world.nodes.addOne();
    await world.product.start();
    await world.createCache('cache', [await world.image('good')]);
    await world.settled('cache');
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
    await eventually('its Event is there', async () => (await world.events('cache')).length > 0);
    const written = world.writes();
    await world.product.stop();
    await world.product.start();
    await throughout(3, () => {
      expect(world.writes()).toBe(written);
    });
  },
};

const events: Scenario = {
  name: 'records one Event for each round that ends',
  run: async (world) => {
    await world.nodes.addOne();
    const [good, missing] = [await world.image('good'), await world.image('missing')];
    await world.product.start();
    await world.createCache('cache', [good]);
    await world.settled('cache');
    await world.editCache('cache', { cacheSpec: [world.list([good, missing])] });
    await world.settled('cache');
    await eventually('both are there', async () => (await world.events('cache')).length >= 2);
    await sleep(1000);
    const events = (await world.events('cache')).map(({ type, reason, source }) => ({ type, reason, ...source }));
    const component = 'kubefledged-controller';
    expect(events.toSorted((a, b) => (a.reason < b.reason ? -1 : 1))).toEqual([
      { type: 'Normal', reason: 'ImageCacheCreate', component },
      { type: 'Warning', reason: 'ImageCacheUpdate', component },
    ]);
  },
};

export const enduring: readonly Scenario[] = [...restarts, missedEnd, ticksOnly, quiet, events];
