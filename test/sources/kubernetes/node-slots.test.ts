import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { jobAnnotations, labels, managerLabelValue } from '#model/cache/api.ts';
import { notice } from '#model/cache/cloud-event.ts';
import { startKubernetesSource } from '../../../sources/kubernetes/source.ts';
import { inMemoryApi } from '../../support/api/in-memory-api.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { condition, imageCache, job, node, pathOf, pod } from '../objects.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

type Waiting = {
  readonly namespace?: string;
  readonly spec?: object;
  readonly more?: readonly string[];
  /** What it has of node-1. */
  readonly of?: object;
  /** A node that waits for Pods of all caches. */
  readonly surge?: string;
};

const entry = { id: 'x', desiredHash: 'h', attempt: 0, state: 'Pending', reason: 'NodeBusy' };

/** A node on which Pods of the cache `apps/first` pull, and caches that wait for it. */
async function world(caches: Readonly<Record<string, Waiting>>) {
  const [api, clock] = [inMemoryApi(), fakeClock()];
  const told: string[] = [];
  const source = startKubernetesSource({
    ...{ api, clock, log: pino({ level: 'silent' }) },
    sink: (event) => {
      const change = notice(event);
      if (change.type === 'change' && change.object.kind === 'Node')
        told.push(`${change.object.name} → ${change.cache?.namespace ?? ''}/${change.cache?.name ?? ''}`);
      return Promise.resolve();
    },
  });
  stops.push(source.stop);
  const wait = (name: string, { namespace = 'apps', spec, more = [], of = entry, surge }: Waiting): void => {
    const nodes: Record<string, object> = { 'node-1': of };
    for (const each of more) nodes[each] = entry;
    if (surge !== undefined) nodes[surge] = { ...entry, reason: 'SurgeUsed' };
    api.apply(imageCache({ name, namespace }, { spec: { cacheSpec: [], ...spec }, status: { format: 1, nodes } }));
  };
  api.apply(node());
  api.apply(imageCache({ name: 'first' }));
  for (const [name, waiting] of Object.entries(caches)) wait(name, waiting);
  const pulling = (name: string, status: object = {}, namespace = 'apps'): void => {
    const annotations = { [jobAnnotations.cache]: 'apps/first', [jobAnnotations.node]: 'node-1' };
    api.apply(pod({ name, namespace, annotations }, { ...status }));
  };
  const leave = (name: string): void => api.remove(pathOf('pods', `apps/${name}`));
  /** A Job of `apps/first` that removes images from the node. */
  const removal = (status: object = {}, ofNode = 'node-1'): void => {
    const annotations = { [jobAnnotations.cache]: 'apps/first', [jobAnnotations.node]: ofNode };
    const own = { [labels.manager]: managerLabelValue, [labels.removal]: 'true' };
    api.apply(job({ name: 'removal', annotations, labels: own }, { ...status }));
  };
  pulling('one');
  await clock.advance(6_000);
  told.splice(0);
  return {
    clock,
    pulling,
    leave,
    removal,
    endRemoval: () => {
      api.remove(pathOf('jobs', 'apps/removal'));
    },
    set: (name: string, of: object) => {
      wait(name, { of });
    },
    /** The cache is seen to have started on the node. */
    start: (name: string) => {
      wait(name, { ...caches[name], of: { ...entry, state: 'Pulling', reason: '' } });
    },
    told: () => told.splice(0),
  };
}

describe('when a pull Pod leaves a node', () => {
  it('one of the caches that wait for it receives an event of the node', async () => {
    const { told, leave, clock } = await world({ a: {}, b: {} });
    leave('one');
    await clock.advance(0);
    expect(told()).toEqual(['node-1 → apps/a']);
  });

  it('a cache that waits for all pull Pods receives an event of a node of its own', async () => {
    const { told, leave, clock } = await world({
      a: { of: { ...entry, state: 'Ready', reason: '' }, surge: 'node-7' },
    });
    leave('one');
    await clock.advance(0);
    expect(told()).toEqual(['node-7 → apps/a']);
  });

  it('no event is delivered to caches that do not wait', async () => {
    const { told, leave, clock, start } = await world({ a: {} });
    start('a');
    leave('one');
    await clock.advance(10_000);
    expect(told()).toEqual([]);
  });

  it.each([
    {
      when: 'that hold nodes',
      caches: { a: {}, z: { spec: { warmGate: { taintKey: 'example.com/cold' } } } },
      first: 'apps/z',
    },
    { when: 'of a namespace without Pods there', caches: { a: {}, z: { namespace: 'other' } }, first: 'other/z' },
    { when: 'with the fewest nodes left', caches: { a: { more: ['node-2'] }, z: {} }, first: 'apps/z' },
  ])('caches $when come first', async ({ caches, first }) => {
    const { told, leave, pulling, clock } = await world(caches);
    pulling('two');
    await clock.advance(0);
    leave('one');
    await clock.advance(0);
    expect(told()).toEqual([`node-1 → ${first}`]);
  });

  it('each slot is given to another cache', async () => {
    const { told, leave, pulling, clock } = await world({ a: {}, b: {}, c: {} });
    pulling('two');
    await clock.advance(0);
    leave('one');
    leave('two');
    await clock.advance(0);
    expect(told()).toEqual(['node-1 → apps/a', 'node-1 → apps/b']);
  });

  it('another cache receives one if the first has not started, at most five of them', async () => {
    const names = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, {}]));
    const { told, leave, clock } = await world(names);
    leave('one');
    await clock.advance(60_000);
    expect(told()).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => `node-1 → apps/${name}`));
  });

  it('the only one receives one again if it has not started, as what it read may have been older than the event', async () => {
    const { told, leave, clock, start } = await world({ a: {} });
    leave('one');
    await clock.advance(1_500);
    expect(told()).toEqual(['node-1 → apps/a', 'node-1 → apps/a']);
    start('a');
    await clock.advance(60_000);
    expect(told()).toEqual([]);
  });

  it('another cache receives one as well if the first has started, and fewer Pods pull than before', async () => {
    const { told, leave, pulling, clock, start } = await world({ a: {}, b: {} });
    pulling('two');
    await clock.advance(0);
    leave('one');
    await clock.advance(0);
    start('a');
    await clock.advance(1_500);
    expect(told()).toEqual(['node-1 → apps/a', 'node-1 → apps/b']);
  });

  it.each([
    { when: 'once its result is recorded', state: 'Ready', ms: 200 },
    { when: 'after a second, though its result is not recorded', state: 'Pulling', ms: 1_000 },
  ])('and stays because its Job is retained, one cache is told $when', async ({ state, ms }) => {
    const { told, leave, pulling, clock, set } = await world({ a: {}, b: {} });
    set('first', { ...entry, state, reason: '' });
    pulling('one', { phase: 'Succeeded' });
    await clock.advance(ms - 1);
    expect(told()).toEqual([]);
    await clock.advance(1);
    expect(told()).toEqual(['node-1 → apps/a']);
    leave('one');
    await clock.advance(1_000);
    expect(told()).toEqual([]);
  });

  it('and is deleted soon after it has ended, one cache receives an event', async () => {
    const { told, leave, pulling, clock } = await world({ a: {}, b: {} });
    pulling('one', { phase: 'Succeeded' });
    await clock.advance(100);
    leave('one');
    await clock.advance(1_400);
    expect(told()).toEqual(['node-1 → apps/a']);
  });
});

describe('when a removal on a node ends', () => {
  const waits = { of: { ...entry, reason: 'RemovalInProgress' } };

  it.each(['it ends', 'it is deleted'])(
    'all caches that wait for it receive an event of the node once %s',
    async (end) => {
      const { told, removal, endRemoval, clock } = await world({ a: waits, b: waits, c: {} });
      removal();
      await clock.advance(5_000);
      expect(told()).toEqual([]);
      if (end === 'it ends') removal(condition('Complete'));
      else endRemoval();
      await clock.advance(0);
      expect(told().toSorted()).toEqual(['node-1 → apps/a', 'node-1 → apps/b']);
    },
  );

  it('a cache that records only then that it waits receives one, too', async () => {
    const { told, removal, set, clock } = await world({ a: {} });
    removal();
    await clock.advance(0);
    removal(condition('Complete'));
    await clock.advance(0);
    expect(told()).toEqual([]);
    set('a', waits.of);
    await clock.advance(1_500);
    expect(told()).toEqual(['node-1 → apps/a']);
  });

  it('and on another node, no cache receives an event', async () => {
    const { told, removal, clock } = await world({ a: waits });
    removal({}, 'node-2');
    await clock.advance(0);
    removal(condition('Complete'), 'node-2');
    await clock.advance(5_000);
    expect(told()).toEqual([]);
  });
});

it('a Node that joins is reported first to caches that hold it, then to those with the fewest nodes left', async () => {
  const { told, clock } = await world({});
  expect(told()).toEqual([]);
  const [api, events] = [inMemoryApi(), [] as string[]];
  const source = startKubernetesSource({
    ...{ api, clock, log: pino({ level: 'silent' }) },
    sink: (event) => {
      const change = notice(event);
      if (change.type === 'change' && change.object.kind === 'Node') events.push(change.cache?.name ?? '');
      return Promise.resolve();
    },
  });
  stops.push(source.stop);
  api.apply(imageCache({ name: 'large' }, { status: { format: 1, nodes: { 'node-2': entry, 'node-3': entry } } }));
  api.apply(imageCache({ name: 'small' }));
  api.apply(
    imageCache(
      { name: 'zone' },
      { spec: { cacheSpec: [{ images: ['a:1'] }], warmGate: { taintKey: 'example.com/cold' } } },
    ),
  );
  await clock.advance(2_000);
  api.apply(node());
  await clock.advance(2_000);
  expect(events).toEqual(['zone', 'small', 'large']);
});
