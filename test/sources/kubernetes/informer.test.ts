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
  /** What was told since last asked, as "verb name". */
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
  it('tells everything there is, is synced, and follows', async () => {
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

  it('goes on where it was when the server ends a watch', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(61_000);
    told();
    api.endWatches();
    api.apply(named('b'));
    await clock.advance(1_000);
    expect(told()).toEqual(['add b']);
  });

  it('tells what changed and what went while history was lost', async () => {
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

  it('tells a delete and an add when the same name came back meanwhile', async () => {
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

  it('starts again from a list when a watch is answered 410', async () => {
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

  it('gives up a watch that says nothing for 150 s, and misses nothing', async () => {
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

it('keeps a watch that only has bookmarks to say, and goes on from the last', async () => {
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

it('asks for bookmarks and for an end within 240 to 360 s', async () => {
  const { watchCalls } = await world();
  expect(watchCalls()[0]?.get('allowWatchBookmarks')).toBe('true');
  expect(Number(watchCalls()[0]?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);
  expect(Number(watchCalls()[0]?.get('timeoutSeconds'))).toBeLessThanOrEqual(360);
});

it('reads a large collection page by page', async () => {
  const { api, clock, told } = await world({ streams: false }, (fresh) => {
    fresh.limitPages(2);
    fill('a', 'b', 'c', 'd', 'e')(fresh);
  });
  await clock.advance(200);
  expect(told()).toHaveLength(5);
  expect(api.calls.filter((call) => call.includes('limit=100'))).toHaveLength(3);
});

it('starts a list again that expires between two pages', async () => {
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

it('falls back to a list on a server that has never heard of streamed ones', async () => {
  const { clock, told, informer } = await world({ streams: 'ignored' }, fill('a'));
  expect(informer.synced()).toBe(false);
  await clock.advance(11_000);
  expect(told()).toEqual(['add a']);
});

it('says once that the resource is missing, and goes on as soon as it is there', async () => {
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

describe('waits between tries', () => {
  const failing = async (error: ApiError) => {
    const { api, clock } = await world({}, (fresh) => {
      fresh.refuse(/./, error, Infinity);
    });
    return { api, clock };
  };

  it('twice as long each time, up to 30 s', async () => {
    const { api, clock } = await failing(new ApiError('unavailable', { status: 503 }));
    await clock.advance(1_500);
    // At 0, 0.2, 0.6 and 1.4 s.
    expect(api.calls).toHaveLength(4);
    await clock.advance(300_000);
    const before = api.calls.length;
    await clock.advance(30_000);
    expect(api.calls.length - before).toBe(1);
  });

  it('as long as the server asks', async () => {
    const { api, clock } = await failing(new ApiError('busy', { status: 429, retryAfterMs: 20_000 }));
    await clock.advance(19_000);
    expect(api.calls).toHaveLength(1);
    await clock.advance(1_000);
    expect(api.calls).toHaveLength(2);
  });

  it('briefly again after a healthy minute', async () => {
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

  it('briefly each time where watches tell something before they end', async () => {
    const { api, clock, watchCalls } = await world();
    const before = watchCalls().length;
    for (let tries = 1; tries <= 10; tries += 1) {
      api.apply(imageCache({ name: `cache-${tries}` }));
      api.endWatches();
      await clock.advance(200);
    }
    expect(watchCalls()).toHaveLength(before + 10);
  });

  it('even when watches end at once without a word', async () => {
    const { api, clock, watchCalls } = await world();
    for (let tries = 0; tries < 20; tries += 1) {
      api.endWatches();
      await clock.advance(1_000);
    }
    expect(watchCalls().length).toBeLessThan(10);
  });
});

it('survives a line that is no JSON and an event of no known type', async () => {
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

it('stops at once, also while it waits', async () => {
  const { api, informer } = await world({}, (fresh) => {
    fresh.refuse(/./, new ApiError('unavailable', { status: 503 }), Infinity);
  });
  stops[0]?.abort();
  await informer.stopped;
  expect(api.openWatches()).toBe(0);
});

it('stops at once while it watches', async () => {
  const { api, informer } = await world();
  expect(api.openWatches()).toBe(1);
  stops[0]?.abort();
  await informer.stopped;
  expect(api.openWatches()).toBe(0);
});

it('tells the state before and after, and watches with the selector', async () => {
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
