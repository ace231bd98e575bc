import { describe, expect, it } from 'vitest';
import type { Rollout } from '#model/cache/spec-schema.ts';
import type { Node } from '#model/node/node.ts';
import { waveSizes } from '#model/desired/rollout.ts';
import { repetitions } from '../../../support/repetitions.ts';
import { list } from '../builders.ts';
import type { Fates } from '../simulated-pod.ts';
import { type SimulatedWorld, endJobs, manyNodes, nodeName, planAll, simulatedWorld } from '../simulated-world.ts';

const calm: Fates = { images: {}, evictions: 0, refusesMounts: false };
const rollout = (of: Partial<Rollout> = {}): Rollout => ({
  canaryNodes: 1,
  growth: 2,
  topologyKey: '',
  maxFailedNodes: '10%',
  pauseSeconds: 0,
  ...of,
});

const zones = ['a', 'b', 'c'];
const nodes = (count: number): readonly Node[] =>
  manyNodes(count).map((each, index) => ({ ...each, labels: { zone: zones[index % zones.length] ?? '' } }));

type Of = { readonly count: number; readonly rollout: Rollout; readonly fates?: Partial<Fates> };
const world = ({ count, rollout: of, fates }: Of): SimulatedWorld =>
  simulatedWorld({
    spec: { lists: [list(['app:1'])], rollout: of },
    nodes: nodes(count),
    fates: { ...calm, ...fates },
  });

/** The nodes that begin together, wave by wave, when all pulls take equally long. */
function wavesOf(on: SimulatedWorld): readonly (readonly string[])[] {
  const begun = new Set<string>();
  const waves: string[][] = [];
  for (let turn = 0; turn < 100; turn += 1) {
    planAll(on);
    const starting = on.jobs().flatMap((job) => (begun.has(job.node) ? [] : [job.node]));
    if (starting.length > 0) waves.push([...new Set(starting)]);
    for (const name of starting) begun.add(name);
    if (on.jobs().length === 0) return waves;
    endJobs(on);
  }
  throw new Error('the rollout does not end');
}

const sizes = (waves: readonly (readonly string[])[]): readonly number[] => waves.map(({ length }) => length);
const stateOf = (on: SimulatedWorld, state: string): readonly string[] =>
  Object.entries(on.live().status.nodes).flatMap(([name, entry]) => (entry.state === state ? [name] : []));

const many = repetitions(400, 1000);

describe('a rollout', () => {
  it.each([
    ['doubles what is ready', rollout(), 100, [1, 2, 6, 18, 54, 19]],
    ['grows by another factor', rollout({ growth: 1 }), 10, [1, 1, 2, 4, 2]],
    ['begins with more canaries', rollout({ canaryNodes: 5 }), 30, [5, 10, 15]],
    ['begins with a percentage', rollout({ canaryNodes: '10%' }), 30, [3, 6, 18, 3]],
    ['pulls on all nodes at once with 100%', rollout({ canaryNodes: '100%' }), 7, [7]],
  ])('%s', (_, of, count, expected) => {
    expect(waveSizes(of, count)).toEqual(expected);
    const on = world({ count, rollout: of });
    expect(sizes(wavesOf(on))).toEqual(expected);
    expect(on.live().status).toMatchObject({ status: 'Succeeded' });
  });

  it(`has the waves of the model with ${many} nodes`, { timeout: 60_000 }, () => {
    const on = world({ count: many, rollout: rollout() });
    expect(sizes(wavesOf(on))).toEqual(waveSizes(rollout(), many));
    expect(stateOf(on, 'Ready')).toHaveLength(many);
  });

  it('stays within maxConcurrentNodes', () => {
    const on = simulatedWorld({
      spec: { lists: [list(['app:1'])], rollout: rollout(), maxConcurrentNodes: 3 },
      ...{ nodes: nodes(10), fates: calm },
    });
    expect(sizes(wavesOf(on))).toEqual([1, 2, 3, 3, 1]);
  });

  it('seeds every domain after the canary, and grows within each', () => {
    const on = world({ count: 30, rollout: rollout({ topologyKey: 'zone' }) });
    const waves = wavesOf(on);
    const zoneOf = (name: string): string => zones[Number(name.slice(5)) % zones.length] ?? '';
    const perZone = waves.map((wave) => zones.map((zone) => wave.filter((name) => zoneOf(name) === zone).length));
    expect(perZone).toEqual([
      [1, 0, 0],
      [2, 1, 1],
      [6, 2, 2],
      [1, 6, 6],
      [0, 1, 1],
    ]);
  });

  it('starts no further wave while more nodes fail than may, although they are tried again', () => {
    const brokenNodes = new Set(Array.from({ length: 30 }, (_, index) => nodeName(10 * index + 9)));
    const of = rollout({ canaryNodes: 3, maxFailedNodes: 5 });
    const on = world({ count: 300, rollout: of, fates: { brokenNodes } });
    wavesOf(on);
    // Waves of 3, 6, 18 and 48 nodes, of which 7 fail, start together.
    expect(stateOf(on, 'Failed')).toHaveLength(7);
    expect(stateOf(on, 'Held')).toHaveLength(300 - 75);
    expect(on.live().status.message).toContain('the rollout stopped');
  });

  it('goes on once nodes that failed at first have pulled', () => {
    const brokenNodes = new Set(Array.from({ length: 6 }, (_, index) => nodeName(10 + index)));
    const on = world({ count: 40, rollout: rollout({ canaryNodes: 9, maxFailedNodes: 5 }), fates: { brokenNodes } });
    const begun = (): number => 40 - stateOf(on, 'Pending').length;
    planAll(on);
    endJobs(on);
    planAll(on);
    expect(begun()).toBe(27);
    endJobs(on);
    planAll(on);
    const before = begun();
    brokenNodes.clear();
    endJobs(on);
    expect(planAll(on).length).toBeGreaterThan(0);
    expect([before, begun()]).toEqual([27, 40]);
  });

  it(`stops when the canary fails, with two Jobs for a bad tag on ${many} nodes`, { timeout: 60_000 }, () => {
    const on = world({ count: many, rollout: rollout(), fates: { images: { 'app:1': 'missing' } } });
    const made = new Set<string>();
    for (let turn = 0; turn < 10; turn += 1) {
      planAll(on);
      for (const { name } of on.jobs()) made.add(name);
      endJobs(on);
    }
    expect(made.size).toBeLessThanOrEqual(2);
    expect(stateOf(on, 'Failed')).toEqual(['node-0000']);
    expect(stateOf(on, 'Held')).toHaveLength(many - 1);
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      message: expect.stringContaining(
        `the rollout stopped, and ${many - 1} of ${many} nodes keep what they have`,
      ) as string,
    });
  });

  const broken = (...indexes: readonly number[]): ReadonlySet<string> => new Set(indexes.map(nodeName));

  it('goes on with as many failed nodes as are allowed, and ends Failed', () => {
    const on = world({ count: 20, rollout: rollout(), fates: { brokenNodes: broken(1, 5) } });
    wavesOf(on);
    expect(stateOf(on, 'Ready')).toHaveLength(18);
    expect(stateOf(on, 'Held')).toEqual([]);
    expect(on.live().status.status).toBe('Failed');
  });

  it('stops with one more, and nodes that have begun end', () => {
    const on = world({ count: 20, rollout: rollout(), fates: { brokenNodes: broken(1, 4, 5) } });
    // Three fail, of which one is in its second attempt: no wave begins until it is known whether they fail for good.
    expect(sizes(wavesOf(on))).toEqual([1, 2, 3]);
    expect(stateOf(on, 'Failed')).toHaveLength(3);
    expect(stateOf(on, 'Held')).toHaveLength(14);
  });

  it('begins anew with the next round', () => {
    const on = world({ count: 20, rollout: rollout(), fates: { images: { 'app:1': 'missing' } } });
    wavesOf(on);
    on.edit({ lists: [list(['app:2'])], rollout: rollout() });
    expect(sizes(wavesOf(on))).toEqual([1, 2, 6, 11]);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it('goes on when the node that stopped it leaves', () => {
    const on = world({ count: 8, rollout: rollout(), fates: { brokenNodes: broken(0) } });
    wavesOf(on);
    expect(stateOf(on, 'Held')).toHaveLength(7);
    on.setNode('node-0000', undefined);
    expect(sizes(wavesOf(on))).toEqual([1, 2, 4]);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it('does not wait for a canary that becomes NotReady', () => {
    const on = world({ count: 4, rollout: rollout() });
    planAll(on);
    expect(stateOf(on, 'Pulling')).toEqual(['node-0000']);
    const [first] = nodes(1);
    if (first !== undefined) on.setNode('node-0000', { ...first, isReady: false });
    expect(sizes(wavesOf(on))).toEqual([1, 2]);
    expect(stateOf(on, 'Skipped')).toEqual(['node-0000']);
  });

  it('serves nodes that join later at once, as others have the images', () => {
    const on = world({ count: 3, rollout: rollout() });
    wavesOf(on);
    for (const each of nodes(8).slice(3)) on.setNode(each.name, each);
    expect(sizes(wavesOf(on))).toEqual([5]);
  });

  it('pauses between waves', () => {
    const on = world({ count: 9, rollout: rollout({ pauseSeconds: 60 }) });
    planAll(on);
    endJobs(on);
    planAll(on);
    expect(on.jobs()).toEqual([]);
    expect(on.live().status.nextWaveTime).toBeDefined();
    on.wait(59_000);
    planAll(on);
    expect(on.jobs()).toEqual([]);
    on.wait(1000);
    planAll(on);
    expect(on.jobs()).toHaveLength(2);
    expect(on.live().status.nextWaveTime).toBeUndefined();
    const [one] = on.jobs();
    endJobs(on, one && [one.node]);
    planAll(on);
    expect(on.jobs()).toHaveLength(1);
  });

  it('pauses for no less than pauseSeconds, although the status stores whole seconds', () => {
    const on = world({ count: 9, rollout: rollout({ pauseSeconds: 60 }) });
    on.wait(400);
    planAll(on);
    endJobs(on);
    const { plan: ended } = on.look('everything');
    expect(ended.status?.nextWaveTime).toBe(Date.UTC(2026, 10, 24, 12, 1, 1));
  });
});
