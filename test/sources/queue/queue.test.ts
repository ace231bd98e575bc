import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Verb } from '#model/cache/cloud-event.ts';
import { batchOf, type Batch } from '../../../sources/queue/pending-changes.ts';
import type { ChangeClass } from '../../../sources/queue/delivery.ts';
import { createQueue, type Queue } from '../../../sources/queue/queue.ts';
import { DeliveryFailed, DeliveryRefused } from '../../../sources/sink/sink.ts';
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts';

const kinds = { cache: 'ImageCache', nodes: 'Node', work: 'Pod', removal: 'Job' } as const;

function batch(key: string, of: ChangeClass, name: string, verb: Verb = 'update'): Batch {
  const [namespace = '', cache = ''] = key.split('/');
  const object = { apiVersion: 'v1', kind: kinds[of], namespace, name };
  return batchOf({ namespace, name: cache }, { verb, object, uid: name, resourceVersion: '1' });
}

type World = {
  readonly queue: Queue;
  readonly clock: FakeClock;
  /** Started deliveries, as "cache kind names". */
  readonly begun: string[];
  /** Ends the oldest delivery in flight, with an error if one is given. */
  readonly end: (error?: Error) => Promise<void>;
  /** The signal of each delivery. */
  readonly signals: readonly AbortSignal[];
  readonly inFlight: () => number;
  readonly known: Set<string>;
  readonly add: (key: string, of: ChangeClass, name: string, verb?: Verb) => void;
  gap: number;
};

function world({ concurrency = 16, open = true } = {}): World {
  const clock = fakeClock();
  const begun: string[] = [];
  const flights: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const signals: AbortSignal[] = [];
  const known = new Set(['apps/web', 'apps/db', 'apps/mq']);
  const queue = createQueue({
    clock,
    log: pino({ level: 'silent' }),
    concurrency,
    gap: () => made.gap,
    isKnown: (key) => known.has(key),
    deliver: ({ cache, change, others }, signal) => {
      signals.push(signal);
      const names = [change.object.name, ...(others === 'all' ? ['all'] : others.map(({ name }) => name))];
      begun.push(`${cache.name} ${change.object.kind} ${names.join(',')}`);
      return new Promise((resolve, reject) => flights.push({ resolve, reject }));
    },
  });
  const made: World = {
    queue,
    clock,
    begun,
    signals,
    known,
    gap: 1_000,
    inFlight: () => flights.length,
    add: (key, of, name, verb) => {
      queue.add(key, of, batch(key, of, name, verb));
    },
    end: async (error) => {
      const flight = flights.shift();
      if (error === undefined) flight?.resolve();
      else flight?.reject(error);
      await clock.advance(0);
    },
  };
  if (open) queue.open();
  return made;
}

/** A hundred changed caches of one namespace. */
function crowded(): World & { readonly tenant: readonly string[] } {
  const made = world();
  const tenant = Array.from({ length: 100 }, (_, index) => `tenant/cache-${index}`);
  for (const key of tenant) made.known.add(key);
  for (const key of tenant) made.add(key, 'cache', key);
  return { ...made, tenant };
}

describe('one cache', () => {
  it('has one delivery in flight, and one more for all changes meanwhile', async () => {
    const { add, begun, end, inFlight, clock } = world();
    add('apps/web', 'work', 'a');
    add('apps/web', 'work', 'b');
    add('apps/web', 'work', 'c');
    add('apps/web', 'work', 'b');
    expect(begun).toEqual(['web Pod a']);
    await end();
    await clock.advance(1_000);
    expect(begun.slice(1)).toEqual(['web Pod b,c']);
    expect(inFlight()).toBe(1);
  });

  it('is sent its own changes first, then those of Nodes, then those of Jobs and Pods', async () => {
    const { queue, add, begun, end } = world({ open: false });
    add('apps/web', 'work', 'pod');
    add('apps/web', 'nodes', 'node');
    add('apps/web', 'cache', 'web');
    queue.open();
    await end();
    await end();
    await end();
    expect(begun).toEqual(['web ImageCache web', 'web Node node', 'web Pod pod']);
  });

  it('is sent five edits at once, and then one for all within five seconds', async () => {
    const { add, begun, end, clock } = world();
    for (let edit = 1; edit <= 20; edit += 1) {
      add('apps/web', 'cache', 'web');
      await end();
    }
    expect(begun).toHaveLength(5);
    await clock.advance(4_999);
    expect(begun).toHaveLength(5);
    add('apps/db', 'cache', 'db');
    expect(begun.slice(5)).toEqual(['db ImageCache db']);
    await clock.advance(1);
    expect(begun.slice(6)).toEqual(['web ImageCache web']);
  });

  it('is sent changes of Jobs and Pods at most once per interval, and all others at once', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'work', 'a');
    await end();
    add('apps/web', 'work', 'b');
    add('apps/web', 'nodes', 'n');
    expect(begun).toEqual(['web Pod a', 'web Node n']);
    await end();
    add('apps/web', 'cache', 'web');
    await end();
    await clock.advance(999);
    expect(begun).toEqual(['web Pod a', 'web Node n', 'web ImageCache web']);
    await clock.advance(1);
    expect(begun.at(-1)).toBe('web Pod b');
  });

  it('is sent changes of Jobs and Pods less often with a longer interval', async () => {
    const slow = world();
    slow.gap = 5_000;
    slow.add('apps/web', 'work', 'a');
    await slow.end();
    slow.add('apps/web', 'work', 'b');
    await slow.clock.advance(4_999);
    expect(slow.begun).toHaveLength(1);
    await slow.clock.advance(1);
    expect(slow.begun).toHaveLength(2);
  });

  it('is sent only its deletion after it was deleted', async () => {
    const { add, begun, end, known, clock, queue } = world();
    add('apps/web', 'work', 'a');
    add('apps/web', 'work', 'b');
    add('apps/web', 'nodes', 'n');
    known.delete('apps/web');
    add('apps/web', 'cache', 'web', 'delete');
    await end();
    expect(begun).toEqual(['web Pod a', 'web ImageCache web']);
    await end();
    await clock.advance(60_000);
    expect(begun).toHaveLength(2);
    expect(queue.depth()).toBe(0);
  });
});

describe('a failed delivery', () => {
  const failed = new DeliveryFailed('503');

  it('is retried, merged with newer changes', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'work', 'a');
    add('apps/web', 'work', 'b');
    await end(failed);
    add('apps/web', 'work', 'c');
    await clock.advance(200);
    expect(begun).toEqual(['web Pod a', 'web Pod c,b,a']);
  });

  it('is retried as the same batch when there are no newer changes', async () => {
    const seen: Batch[] = [];
    const clock = fakeClock();
    const queue = createQueue({
      clock,
      log: pino({ level: 'silent' }),
      gap: () => 0,
      isKnown: () => true,
      deliver: (told) => {
        seen.push(told);
        return seen.length < 3 ? Promise.reject(failed) : Promise.resolve();
      },
    });
    queue.open();
    queue.add('apps/web', 'work', batch('apps/web', 'work', 'a'));
    await clock.advance(10_000);
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(1);
  });

  it('is retried without limit, with a backoff that doubles up to 30 s', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'work', 'a');
    await clock.advance(0);
    for (const delay of [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
      const before = begun.length;
      await end(failed);
      await clock.advance(delay - 1);
      expect(begun).toHaveLength(before);
      await clock.advance(1);
      expect(begun).toHaveLength(before + 1);
    }
  });

  it('is retried after Retry-After', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'work', 'a');
    await end(new DeliveryFailed('503', 7_000));
    await clock.advance(6_999);
    expect(begun).toHaveLength(1);
    await clock.advance(1);
    expect(begun).toHaveLength(2);
  });

  it('resets its backoff once it succeeds', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'nodes', 'a');
    await end(failed);
    await clock.advance(200);
    await end();
    add('apps/web', 'nodes', 'b');
    await end(failed);
    await clock.advance(200);
    expect(begun).toHaveLength(4);
  });

  it('does not block other caches or other classes of the same cache', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'work', 'a');
    for (let failures = 0; failures < 9; failures += 1) {
      await end(failed);
      await clock.advance(30_000);
    }
    await end(failed);
    begun.splice(0);
    add('apps/db', 'work', 'b');
    add('apps/web', 'cache', 'web');
    expect(begun).toEqual(['db Pod b', 'web ImageCache web']);
  });

  it('is retried after any other error too', async () => {
    const { add, begun, end, clock } = world();
    add('apps/web', 'cache', 'web');
    await end(new TypeError('a bug'));
    await clock.advance(200);
    expect(begun).toHaveLength(2);
  });

  it('is dropped when it was refused', async () => {
    const { add, begun, end, clock, queue } = world();
    add('apps/web', 'cache', 'web');
    await end(new DeliveryRefused('422'));
    await clock.advance(60_000);
    expect(begun).toHaveLength(1);
    expect(queue.depth()).toBe(0);
  });
});

describe('all caches', () => {
  it('share a limited number of deliveries, in order of arrival', async () => {
    const { add, begun, end, inFlight } = world({ concurrency: 2 });
    add('apps/web', 'cache', 'web');
    add('apps/db', 'cache', 'db');
    add('apps/mq', 'cache', 'mq');
    add('apps/web', 'work', 'a');
    expect(inFlight()).toBe(2);
    await end();
    expect(begun).toEqual(['web ImageCache web', 'db ImageCache db', 'mq ImageCache mq']);
    await end();
    expect(begun.at(-1)).toBe('web Pod a');
  });

  it('of many in one namespace leave deliveries for others, which come first', async () => {
    const { begun, end, inFlight, known, add, tenant } = crowded();
    for (let count = 0; count < 40; count += 1) await end();
    expect(inFlight()).toBe(12);
    expect(begun).toHaveLength(52);
    known.add('shop/web');
    add('apps/web', 'cache', 'web');
    add('shop/web', 'cache', 'web');
    expect(inFlight()).toBe(14);
    for (const name of ['db', 'mq']) add(`apps/${name}`, 'cache', name);
    expect(inFlight()).toBe(16);
    add('apps/web', 'work', 'a');
    await end();
    expect(begun.slice(52, 56)).toEqual([
      ...['web ImageCache web', 'web ImageCache web', 'db ImageCache db', 'mq ImageCache mq'],
    ]);
    expect(begun[56]).toBe(`${tenant[52]?.replace('tenant/', '')} ImageCache ${tenant[52]}`);
  });

  it('of one namespace have fewer deliveries in flight while these are slow, and more again afterwards', async () => {
    const { end, inFlight, clock } = crowded();
    expect(inFlight()).toBe(2);
    for (let count = 0; count < 24; count += 1) await end();
    expect(inFlight()).toBe(8);
    await clock.advance(500);
    for (let count = 0; count < 6; count += 1) await end();
    expect(inFlight()).toBe(2);
    await clock.advance(500);
    for (let count = 0; count < 2; count += 1) await end();
    expect(inFlight()).toBe(2);
    for (let count = 0; count < 4; count += 1) await end();
    expect(inFlight()).toBe(3);
  });

  it('wait until the queue is started', async () => {
    const { queue, add, begun, clock } = world({ open: false });
    add('apps/web', 'cache', 'web');
    await clock.advance(60_000);
    expect(begun).toEqual([]);
    expect(queue.depth()).toBe(1);
    expect(queue.age()).toBe(60_000);
    queue.open();
    expect(begun).toEqual(['web ImageCache web']);
    expect(queue.depth()).toBe(0);
  });
});

describe('later', () => {
  it('adds a change after a delay if it is still due', async () => {
    const { queue, begun, clock } = world();
    queue.addAfter(10_000, 'apps/web', () => ({ of: 'work', batch: batch('apps/web', 'work', 'a') }));
    await clock.advance(9_999);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['web Pod a']);
  });

  it('does not add a delayed change that is no longer due, or after a stop', async () => {
    const { queue, begun, clock } = world();
    let asked = 0;
    queue.addAfter(1_000, 'apps/web', () => void (asked += 1));
    await clock.advance(1_000);
    queue.addAfter(1_000, 'apps/web', () => void (asked += 1));
    await queue.stop();
    await clock.advance(1_000);
    expect(asked).toBe(1);
    expect(begun).toEqual([]);
  });
});

it('starts no more deliveries after a stop, which aborts those in flight and waits for them', async () => {
  const { queue, add, begun, signals, end, clock } = world();
  add('apps/web', 'work', 'a');
  add('apps/web', 'work', 'b');
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  let isStopped = false;
  const stopped = queue.stop().then(() => (isStopped = true));
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  add('apps/db', 'cache', 'db');
  await clock.advance(60_000);
  expect(isStopped).toBe(false);
  await end(new DeliveryFailed('503'));
  await stopped;
  await clock.advance(60_000);
  expect(begun).toEqual(['web Pod a']);
});
