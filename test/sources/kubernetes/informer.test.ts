import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '#runtime/errors.ts';
import { startInformer, type Informer } from '../../../sources/kubernetes/informer.ts';
import { imageCaches, jobs } from '../../../sources/kubernetes/resource.ts';
import { textAt } from '../../../sources/kubernetes/json.ts';
import {
  bookmark,
  expired,
  inMemoryApi,
  type InMemoryApiOptions,
  type InMemoryApi,
} from '../../support/api/in-memory-api.ts';
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { imageCache, job, pathOf } from '../objects.ts';

const log = pino({ level: 'silent' });
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

type World = {
  readonly api: InMemoryApi;
  readonly clock: FakeClock;
  readonly informer: Informer<unknown>;
  /** The changes reported since the last call, as "verb name". */
  readonly told: () => readonly string[];
  readonly missing: () => number;
  readonly watchCalls: () => readonly URLSearchParams[];
};

async function world(
  behaviour: InMemoryApiOptions = {},
  prepare: (api: InMemoryApi) => void = () => undefined,
): Promise<World> {
  const api = inMemoryApi(behaviour);
  prepare(api);
  const clock = fakeClock();
  const stop = new AbortController();
  stops.push(stop);
  const changes: string[] = [];
  let missing = 0;
  const informer = startInformer(imageCaches, {
    api,
    clock,
    log,
    signal: stop.signal,
    onChange: ({ verb, reference }) => changes.push(`${verb} ${reference.name}`),
    onMissing: () => (missing += 1),
  });
  await clock.advance(0);
  const watchCalls = () =>
    api.calls.filter((call) => call.includes('watch=true')).map((call) => new URLSearchParams(call.split('?')[1]));
  return { api, clock, informer, told: () => changes.splice(0), missing: () => missing, watchCalls };
}

const named = (name: string, more = {}) => imageCache({ name, ...more });
const fill =
  (...names: readonly string[]) =>
  (api: InMemoryApi): void => {
    for (const name of names) api.apply(named(name));
  };

describe.each([
  { way: 'a streamed list', behaviour: { streams: true } },
  { way: 'a paged list, as streams are refused', behaviour: { streams: false } },
] as const)('with $way', ({ behaviour }) => {
  it('reports all existing objects, is synced, and reports changes', async () => {
    const { api, clock, informer, told } = await world(behaviour, fill('a', 'b'));
    await clock.advance(200);
    expect(told()).toEqual(['add a', 'add b']);
    expect(informer.synced()).toBe(true);
    await informer.whenSynced;
    api.apply(named('c'));
    api.apply(named('a'));
    api.remove(pathOf('imagecaches', 'apps/b'));
    await clock.advance(0);
    expect(told()).toEqual(['add c', 'update a', 'delete b']);
    expect([...informer.keys()].toSorted()).toEqual(['apps/a', 'apps/c']);
    expect(informer.size()).toBe(2);
    expect(informer.get('apps/a')).toBeDefined();
  });

  it('resumes at its resource version when the server ends a watch', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(61_000);
    told();
    api.endWatches();
    api.apply(named('b'));
    await clock.advance(1_000);
    expect(told()).toEqual(['add b']);
  });

  it('reports updates and deletions that happened while the history was lost', async () => {
    const { api, clock, told } = await world(behaviour, fill('gone', 'changed', 'same'));
    await clock.advance(1_000);
    told();
    api.endWatches(new ApiError('aborted', { status: 0 }));
    api.remove(pathOf('imagecaches', 'apps/gone'));
    api.apply(named('changed'));
    api.apply(named('new'));
    api.expireHistory();
    await clock.advance(2_000);
    expect(told().toSorted()).toEqual(['add new', 'delete gone', 'update changed']);
  });

  it('reports a delete and an add when an object was replaced under its name', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(1_000);
    told();
    api.endWatches(new ApiError('aborted', { status: 0 }));
    api.remove(pathOf('imagecaches', 'apps/a'));
    api.apply(named('a', { uid: 'another' }));
    api.expireHistory();
    await clock.advance(2_000);
    expect(told()).toEqual(['delete a', 'add a']);
  });

  it('lists again when a watch is answered with 410', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(1_000);
    told();
    let refusals = 0;
    api.refuse(({ path }) => /[?&]resourceVersion=/.test(path) && (refusals += 1) === 1, expired());
    api.endWatches();
    api.remove(pathOf('imagecaches', 'apps/a'));
    await clock.advance(3_000);
    expect(told()).toEqual(['delete a']);
    expect(refusals).toBeGreaterThan(0);
  });

  it('ends a watch that was silent for 150 s, and misses no change', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(1_000);
    told();
    api.setSilent(true);
    api.apply(named('b'));
    await clock.advance(148_000);
    expect(told()).toEqual([]);
    api.setSilent(false);
    await clock.advance(3_000);
    expect(told()).toEqual(['add b']);
  });
});

it('keeps a watch that only sends bookmarks, and resumes from the last one', async () => {
  const { api, clock, watchCalls } = await world({}, fill('a'));
  for (let minute = 1; minute <= 5; minute += 1) {
    await clock.advance(60_000);
    api.sendLine(bookmark(1_000 + minute));
  }
  await clock.advance(0);
  expect(watchCalls()).toHaveLength(1);
  api.endWatches();
  await clock.advance(500);
  expect(watchCalls().at(-1)?.get('resourceVersion')).toBe('1005');
});

it('requests bookmarks and a timeout of 240 to 360 s', async () => {
  const { watchCalls } = await world();
  expect(watchCalls()[0]?.get('allowWatchBookmarks')).toBe('true');
  expect(Number(watchCalls()[0]?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);
  expect(Number(watchCalls()[0]?.get('timeoutSeconds'))).toBeLessThanOrEqual(360);
});

it('lists a large collection in pages', async () => {
  const { api, clock, told } = await world({ streams: false }, (fresh) => {
    fresh.limitPages(2);
    fill('a', 'b', 'c', 'd', 'e')(fresh);
  });
  await clock.advance(200);
  expect(told()).toHaveLength(5);
  expect(api.calls.filter((call) => call.includes('limit=100'))).toHaveLength(3);
});

it('restarts a list that expires between two pages', async () => {
  const { clock, told, informer } = await world({ streams: false }, (fresh) => {
    fresh.limitPages(2);
    fill('a', 'b', 'c')(fresh);
    fresh.refuse(
      ({ path }) => path.includes('continue='),
      () => {
        fresh.remove(pathOf('imagecaches', 'apps/a'));
        throw expired();
      },
    );
  });
  await clock.advance(200);
  expect(told()).toEqual(['add b', 'add c']);
  expect(informer.synced()).toBe(true);
});

it('falls back to a paged list on a server without streaming lists', async () => {
  const { clock, told, informer } = await world({ streams: 'ignored' }, fill('a'));
  expect(informer.synced()).toBe(false);
  await clock.advance(11_000);
  expect(told()).toEqual(['add a']);
});

it('logs once that the resource is missing, and continues when it is served', async () => {
  const { api, clock, told, missing, informer } = await world({}, (fresh) => {
    fill('a')(fresh);
    fresh.refuse(/./, new ApiError('no such resource', { status: 404 }), Infinity);
  });
  await clock.advance(20_000);
  expect(missing()).toBe(1);
  expect(informer.synced()).toBe(false);
  api.acceptAll();
  await clock.advance(3_000);
  expect(told()).toEqual(['add a']);
});

describe('retries with a backoff', () => {
  const failing = async (error: ApiError) => {
    const { api, clock } = await world({}, (fresh) => {
      fresh.refuse(/./, error, Infinity);
    });
    return { api, clock };
  };

  it('that doubles each time, up to 30 s', async () => {
    const { api, clock } = await failing(new ApiError('unavailable', { status: 503 }));
    await clock.advance(1_500);
    // At 0, 0.2, 0.6 and 1.4 s.
    expect(api.calls).toHaveLength(4);
    await clock.advance(300_000);
    const before = api.calls.length;
    await clock.advance(30_000);
    expect(api.calls.length - before).toBe(1);
  });

  it('of the duration in Retry-After', async () => {
    const { api, clock } = await failing(new ApiError('busy', { status: 429, retryAfterMs: 20_000 }));
    await clock.advance(19_000);
    expect(api.calls).toHaveLength(1);
    await clock.advance(1_000);
    expect(api.calls).toHaveLength(2);
  });

  it('that starts again after a minute without errors', async () => {
    const { api, clock, watchCalls } = await world({}, (fresh) => {
      fresh.refuse(/./, new ApiError('unavailable', { status: 503 }), Infinity);
    });
    await clock.advance(60_000);
    api.acceptAll();
    await clock.advance(30_000);
    await clock.advance(60_000);
    const before = watchCalls().length;
    api.endWatches(new ApiError('aborted', { status: 0 }));
    await clock.advance(200);
    expect(watchCalls()).toHaveLength(before + 1);
  });

  it('that starts again when a watch sent something before it ended', async () => {
    const { api, clock, watchCalls } = await world();
    const before = watchCalls().length;
    for (let tries = 1; tries <= 10; tries += 1) {
      api.apply(imageCache({ name: `cache-${tries}` }));
      api.endWatches();
      await clock.advance(200);
    }
    expect(watchCalls()).toHaveLength(before + 10);
  });

  it('when watches end at once without an event', async () => {
    const { api, clock, watchCalls } = await world();
    for (let tries = 0; tries < 20; tries += 1) {
      api.endWatches();
      await clock.advance(1_000);
    }
    expect(watchCalls().length).toBeLessThan(10);
  });
});

it('ignores lines that are not JSON and events of unknown types', async () => {
  const { api, clock, told } = await world({}, fill('a'));
  told();
  api.sendLine('{"type":');
  await clock.advance(1_000);
  api.sendLine('{"type":"SURPRISE","object":{}}');
  await clock.advance(1_000);
  api.apply(named('b'));
  await clock.advance(1_000);
  expect(told()).toEqual(['add b']);
});

it('stops at once during a backoff', async () => {
  const { api, informer } = await world({}, (fresh) => {
    fresh.refuse(/./, new ApiError('unavailable', { status: 503 }), Infinity);
  });
  stops[0]?.abort();
  await informer.stopped;
  expect(api.openWatches()).toBe(0);
});

it('stops at once during a watch', async () => {
  const { api, informer } = await world();
  expect(api.openWatches()).toBe(1);
  stops[0]?.abort();
  await informer.stopped;
  expect(api.openWatches()).toBe(0);
});

it('reports the object before and after a change, and watches with the selector', async () => {
  const api = inMemoryApi();
  const clock = fakeClock();
  const stop = new AbortController();
  stops.push(stop);
  const finished: unknown[] = [];
  const onChange = ({
    previous,
    current,
    uid,
    resourceVersion,
  }: Parameters<Parameters<typeof startInformer<{ finished: boolean }>>[1]['onChange']>[0]) =>
    finished.push([previous?.finished, current?.finished, uid, resourceVersion]);
  startInformer<{ finished: boolean }>(jobs, { api, clock, log, signal: stop.signal, onChange });
  await clock.advance(0);
  api.apply(job({ name: 'foreign', labels: {} }));
  api.apply(job());
  api.apply(job({}, { conditions: [{ type: 'Complete', status: 'True' }] }));
  const last = api.read(pathOf('jobs', 'apps/web-1'));
  api.remove(pathOf('jobs', 'apps/web-1'));
  await clock.advance(0);
  const uid = textAt(last, 'metadata', 'uid');
  expect(finished).toEqual([
    [undefined, false, uid, '102'],
    [false, true, uid, '103'],
    [true, undefined, uid, '104'],
  ]);
});
