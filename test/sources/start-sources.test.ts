import type { CloudEvent } from 'cloudevents';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiError } from '#runtime/errors.ts';
import { at } from '../../sources/kubernetes/json.ts';
import { startSources, type Sources } from '../../sources/start-sources.ts';
import { inMemoryApi, type InMemoryApi } from '../support/api/in-memory-api.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { imageCache, pathOf } from './objects.ts';

const log = pino({ level: 'silent' });

function start(
  api: InMemoryApi,
  clock: FakeClock,
  identity?: string,
): { sources: Sources; events: CloudEvent<unknown>[] } {
  const events: CloudEvent<unknown>[] = [];
  const sources = startSources({
    api,
    clock,
    log,
    tickSchedule: '',
    sink: (event) => Promise.resolve(void events.push(event)),
    ...(identity === undefined ? {} : { lease: { namespace: 'system', identity } }),
  });
  return { sources, events };
}

const leasePath = pathOf('leases', 'system/imagecache-functions-source');

const holder = (api: InMemoryApi): unknown => at(api.read(leasePath), 'spec', 'holderIdentity');

describe('sources', () => {
  it('sync, send events, and stop', async () => {
    const [api, clock] = [inMemoryApi(), fakeClock()];
    api.apply(imageCache());
    const { sources, events } = start(api, clock);
    expect(sources.synced()).toBe(false);
    await sources.whenSynced;
    await clock.advance(0);
    expect([sources.synced(), sources.caches().size, events.length]).toEqual([true, 1, 1]);
    expect(sources.queue()).toEqual({ depth: 0, age: 0 });
    await sources.stop();
    expect([api.openWatches(), sources.caches().size]).toEqual([0, 0]);
  });

  it('send each event once from two replicas; the standby is ready and takes over', async () => {
    const [api, clock] = [inMemoryApi(), fakeClock()];
    api.apply(imageCache());
    const one = start(api, clock, 'one');
    await clock.advance(0);
    const two = start(api, clock, 'two');
    await clock.advance(10_000);
    expect([one.events.length, two.events.length]).toEqual([1, 0]);
    expect([one.sources.synced(), two.sources.synced()]).toEqual([true, true]);
    await Promise.all([one.sources.stop(), clock.advance(0)]);
    expect(holder(api)).toBe('');
    await clock.advance(3_000);
    expect(holder(api)).toBe('two');
    expect([one.events.length, two.events.length]).toEqual([1, 1]);
    await Promise.all([two.sources.stop(), clock.advance(0)]);
    expect(api.openWatches()).toBe(0);
  });

  it('send nothing after the Lease is lost, and everything again when it is acquired again', async () => {
    const [api, clock] = [inMemoryApi(), fakeClock()];
    api.apply(imageCache());
    const { sources, events } = start(api, clock, 'one');
    await clock.advance(1_000);
    const lease = api.read(leasePath);
    api.put(leasePath, { ...lease, spec: { holderIdentity: 'thief', leaseDurationSeconds: 15, renewTime: 'now' } });
    await clock.advance(4_000);
    api.apply(imageCache({ generation: 2 }));
    await clock.advance(4_000);
    expect([events.length, api.openWatches()]).toEqual([1, 0]);
    await clock.advance(15_000);
    expect(events).toHaveLength(2);
    await Promise.all([sources.stop(), clock.advance(0)]);
  });

  it('are not synced while nobody can create the Lease, report it once, and lead as soon as one can', async () => {
    const [api, clock] = [inMemoryApi(), fakeClock()];
    let isForbidden = true;
    const refusal = new ApiError('leases is forbidden: cannot create resource "leases"', { status: 403 });
    const limited: InMemoryApi = {
      ...api,
      request: (call) => (isForbidden && call.method === 'POST' ? Promise.reject(refusal) : api.request(call)),
    };
    const lines: string[] = [];
    const recording = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const sources = ['one', 'two'].map((identity) =>
      startSources({
        ...{ api: limited, clock, log: recording, tickSchedule: '', sink: () => Promise.resolve() },
        lease: { namespace: 'system', identity },
      }),
    );
    await clock.advance(120_000);
    expect(sources.map(({ synced }) => synced())).toEqual([false, false]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('"lease":"system/imagecache-functions-source"');
    isForbidden = false;
    await clock.advance(3_000);
    expect(sources.map(({ synced }) => synced())).toEqual([true, true]);
    expect(sources.filter(({ leads }) => leads())).toHaveLength(1);
    await Promise.all([...sources.map(({ stop }) => stop()), clock.advance(0)]);
  });

  it('release the Lease when a delivery has not ended 3 s after it was aborted', async () => {
    const [api, clock] = [inMemoryApi(), fakeClock()];
    api.apply(imageCache());
    const lease = { namespace: 'system', identity: 'one' };
    const sink = () => new Promise<never>(() => undefined);
    const sources = startSources({ api, clock, log, tickSchedule: '', sink, lease });
    await clock.advance(1_000);
    const stopped = sources.stop();
    await clock.advance(2_900);
    expect(holder(api)).toBe('one');
    await clock.advance(100);
    await stopped;
    expect(holder(api)).toBe('');
  });

  it('send ticks on schedule, and refuse an invalid schedule', async () => {
    const ticks: string[] = [];
    const options = {
      api: inMemoryApi(),
      log,
      sink: (event: CloudEvent<unknown>) => Promise.resolve(void ticks.push(event.type)),
    };
    expect(() => startSources({ ...options, tickSchedule: 'now and then' })).toThrow('is not a cron expression');
    const sources = startSources({ ...options, tickSchedule: '* * * * * *' });
    await pause(1_200);
    await sources.stop();
    expect(ticks).toContain('dev.knative.sources.ping');
  });
});
