import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '#runtime/errors.ts';
import { at, isObject, type Json } from '../../../sources/kubernetes/json.ts';
import { whileLeading } from '../../../sources/lease/lease.ts';
import { inMemoryApi, type InMemoryApi } from '../../support/api/in-memory-api.ts';
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { pathOf } from '../objects.ts';

const key = 'system/imagecache-functions-source';
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

type Contender = {
  readonly leads: () => boolean;
  readonly terms: () => number;
  readonly stop: () => Promise<void>;
  /** Disconnects the replica from the API server. */
  cut: boolean;
};

function contend(api: InMemoryApi, clock: FakeClock, identity: string): Contender {
  const stopping = new AbortController();
  let leads = false;
  let terms = 0;
  const own = { cut: false };
  const ended = whileLeading(
    {
      api: {
        ...api,
        request: (call) => (own.cut ? Promise.reject(new ApiError('no route', { status: 0 })) : api.request(call)),
      },
      clock,
      log: pino({ level: 'silent' }),
      namespace: 'system',
      identity,
    },
    stopping.signal,
    (leading) => {
      leads = true;
      terms += 1;
      return new Promise((resolve) => {
        leading.addEventListener('abort', () => {
          leads = false;
          resolve();
        });
      });
    },
  );
  stops.push(() => {
    stopping.abort();
  });
  return Object.assign(own, {
    leads: () => leads,
    terms: () => terms,
    stop: async () => {
      stopping.abort();
      await clock.advance(0);
      await ended;
    },
  });
}

function world() {
  const [api, clock] = [inMemoryApi(), fakeClock()];
  const spec = (): Json => {
    const found = at(api.read(pathOf('leases', key)), 'spec');
    return isObject(found) ? found : {};
  };
  return { api, clock, spec, contend: (identity: string) => contend(api, clock, identity) };
}

describe('a Lease', () => {
  it('is created by the first replica, in the format of Kubernetes leader election', async () => {
    const { clock, spec, contend } = world();
    const one = contend('one');
    await clock.advance(0);
    expect(one.leads()).toBe(true);
    expect(spec()).toEqual({
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-24T00:00:00.000000Z',
      renewTime: '2026-11-24T00:00:00.000000Z',
      leaseTransitions: 0,
    });
  });

  it('is renewed every 2 s, and no other replica leads meanwhile', async () => {
    const { clock, spec, contend } = world();
    const [one, two] = [contend('one'), contend('two')];
    await clock.advance(120_000);
    expect([one.leads(), two.terms()]).toEqual([true, 0]);
    expect(spec()).toMatchObject({
      holderIdentity: 'one',
      renewTime: '2026-11-24T00:02:00.000000Z',
      leaseTransitions: 0,
    });
  });

  it('is taken as soon as it expires, at most 17.5 s after the death of its holder', async () => {
    const waits: number[] = [];
    for (const offset of [0, 300, 600, 900, 1_200, 1_500, 1_800, 2_100]) {
      const { clock, contend } = world();
      const one = contend('one');
      await clock.advance(offset);
      const two = contend('two');
      await clock.advance(20_000 - offset);
      one.cut = true;
      let waited = 0;
      for (; !two.leads() && waited < 30_000; waited += 100) await clock.advance(100);
      waits.push(waited);
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(17_500);
    expect(Math.min(...waits)).toBeGreaterThan(12_000);
  });

  it('is released at a stop, and acquired by another replica within seconds', async () => {
    const { clock, spec, contend } = world();
    const one = contend('one');
    await clock.advance(10_000);
    const two = contend('two');
    await clock.advance(0);
    await one.stop();
    expect(spec()).toMatchObject({ holderIdentity: '' });
    await clock.advance(2_400);
    expect([one.leads(), two.leads()]).toEqual([false, true]);
    expect(spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  it('is lost by a replica that cannot renew it before another can acquire it', async () => {
    const { clock, contend } = world();
    const one = contend('one');
    await clock.advance(0);
    const two = contend('two');
    await clock.advance(4_000);
    one.cut = true;
    let bothLed = false;
    let nobodyLed = 0;
    for (let ms = 0; ms < 30_000; ms += 100) {
      await clock.advance(100);
      bothLed ||= one.leads() && two.leads();
      if (!one.leads() && !two.leads()) nobodyLed += 100;
    }
    expect(bothLed).toBe(false);
    expect(nobodyLed).toBeGreaterThan(0);
    expect([one.leads(), two.leads()]).toEqual([false, true]);
    one.cut = false;
    await clock.advance(60_000);
    expect([one.leads(), two.leads(), one.terms()]).toEqual([false, true, 1]);
  });

  it('acquired by another replica is lost at the next renewal', async () => {
    const { api, clock, contend } = world();
    const one = contend('one');
    await clock.advance(1_000);
    const lease = api.read(pathOf('leases', key));
    api.put(pathOf('leases', key), {
      ...lease,
      spec: { ...spread(lease?.['spec']), holderIdentity: 'thief', renewTime: 'now' },
    });
    await clock.advance(4_000);
    expect(one.leads()).toBe(false);
  });

  it('is kept when only its labels change', async () => {
    const { api, clock, spec, contend } = world();
    const one = contend('one');
    await clock.advance(1_000);
    const lease = api.read(pathOf('leases', key));
    api.put(pathOf('leases', key), { ...lease, metadata: { ...lease?.metadata, labels: { a: 'b' } } });
    await clock.advance(8_000);
    expect([one.leads(), one.terms()]).toEqual([true, 1]);
    expect(spec()).toMatchObject({ holderIdentity: 'one', leaseTransitions: 0 });
    expect(at(api.read(pathOf('leases', key)), 'metadata', 'labels')).toEqual({ a: 'b' });
  });

  it('is acquired again at once under the same identity', async () => {
    const { clock, spec, contend } = world();
    const before = contend('one');
    await clock.advance(1_000);
    before.cut = true;
    const after = contend('one');
    await clock.advance(0);
    expect(after.leads()).toBe(true);
    expect(spec()).toMatchObject({ leaseTransitions: 0 });
  });

  it('expires by the local clock, whatever the clock of its holder says', async () => {
    const { api, clock, contend } = world();
    const spec = {
      holderIdentity: 'gone',
      leaseDurationSeconds: 15,
      renewTime: '2031-01-01T00:00:00.000000Z',
      leaseTransitions: 4,
    };
    api.put(pathOf('leases', key), { metadata: { namespace: 'system', name: 'imagecache-functions-source' }, spec });
    const one = contend('one');
    await clock.advance(14_900);
    expect(one.leads()).toBe(false);
    await clock.advance(2_600);
    expect(one.leads()).toBe(true);
  });

  it('has one holder when many replicas start at once', async () => {
    const { clock, contend } = world();
    const all = ['a', 'b', 'c', 'd', 'e'].map(contend);
    for (let second = 0; second < 30; second += 1) {
      await clock.advance(1_000);
      expect(all.filter((each) => each.leads())).toHaveLength(1);
    }
  });

  it('is created again after it was deleted', async () => {
    const { api, clock, spec, contend } = world();
    const one = contend('one');
    await clock.advance(1_000);
    api.remove(pathOf('leases', key));
    await clock.advance(6_000);
    expect(one.leads()).toBe(true);
    expect(spec()).toMatchObject({ holderIdentity: 'one' });
  });
});

const spread = (value: unknown): Json => (isObject(value) ? value : {});
