import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '#runtime/errors.ts';
import { startInformer, type Informer } from '../../../sources/kubernetes/informer.ts';
import { imageCaches, jobs } from '../../../sources/kubernetes/resource.ts';
import { textAt } from '../../../sources/kubernetes/json.ts';
import { bookmark, expired, fakeApi, type Behaviour, type FakeApi } from '../fake-api.ts';
import { fakeClock, type FakeClock } from '../fake-clock.ts';
import { imageCache, job } from '../objects.ts';

const log = pino({ level: 'silent' });
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

type World = {
  readonly api: FakeApi;
  readonly clock: FakeClock;
  readonly informer: Informer<unknown>;
  /** What was told since last asked, as "verb name". */
  readonly told: () => readonly string[];
  readonly missing: () => number;
  readonly watchCalls: () => readonly URLSearchParams[];
};

async function world(behaviour: Behaviour = {}, prepare: (api: FakeApi) => void = () => undefined): Promise<World> {
  const api = fakeApi(behaviour);
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
  (api: FakeApi): void => {
    for (const name of names) api.put(named(name));
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
    api.put(named('c'));
    api.put(named('a'));
    api.remove('imagecaches', 'apps/b');
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
    api.breakWatches();
    api.put(named('b'));
    await clock.advance(1_000);
    expect(told()).toEqual(['add b']);
  });

  it('tells what changed and what went while history was lost', async () => {
    const { api, clock, told } = await world(behaviour, fill('gone', 'changed', 'same'));
    await clock.advance(1_000);
    told();
    api.breakWatches(new ApiError('aborted', { status: 0 }));
    api.remove('imagecaches', 'apps/gone');
    api.put(named('changed'));
    api.put(named('new'));
    api.expire();
    await clock.advance(2_000);
    expect(told().toSorted()).toEqual(['add new', 'delete gone', 'update changed']);
  });

  it('tells a delete and an add when the same name came back meanwhile', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(1_000);
    told();
    api.breakWatches(new ApiError('aborted', { status: 0 }));
    api.remove('imagecaches', 'apps/a');
    api.put(named('a', { uid: 'another' }));
    api.expire();
    await clock.advance(2_000);
    expect(told()).toEqual(['delete a', 'add a']);
  });

  it('starts again from a list when a watch is answered 410', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(1_000);
    told();
    let refusals = 1;
    api.refuse = ({ path }) => (/[?&]resourceVersion=/.test(path) && refusals-- > 0 ? expired() : undefined);
    api.breakWatches();
    api.remove('imagecaches', 'apps/a');
    await clock.advance(3_000);
    expect(told()).toEqual(['delete a']);
    expect(refusals).toBeLessThan(1);
  });

  it('gives up a watch that says nothing for 150 s, and misses nothing', async () => {
    const { api, clock, told } = await world(behaviour, fill('a'));
    await clock.advance(1_000);
    told();
    api.mute(true);
    api.put(named('b'));
    await clock.advance(148_000);
    expect(told()).toEqual([]);
    api.mute(false);
    await clock.advance(3_000);
    expect(told()).toEqual(['add b']);
  });
});

it('keeps a watch that only has bookmarks to say, and goes on from the last', async () => {
  const { api, clock, watchCalls } = await world({}, fill('a'));
  for (let minute = 1; minute <= 5; minute += 1) {
    await clock.advance(60_000);
    api.say(bookmark(1_000 + minute));
  }
  await clock.advance(0);
  expect(watchCalls()).toHaveLength(1);
  api.breakWatches();
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
    fresh.pageSize(2);
    fill('a', 'b', 'c', 'd', 'e')(fresh);
  });
  await clock.advance(200);
  expect(told()).toHaveLength(5);
  expect(api.calls.filter((call) => call.includes('limit=100'))).toHaveLength(3);
});

it('starts a list again that expires between two pages', async () => {
  let refusals = 1;
  const { clock, told, informer } = await world({ streams: false }, (fresh) => {
    fresh.pageSize(2);
    fill('a', 'b', 'c')(fresh);
    fresh.refuse = ({ path }) => {
      if (!path.includes('continue=') || refusals-- <= 0) return undefined;
      fresh.remove('imagecaches', 'apps/a');
      return expired();
    };
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
  let isMissing = true;
  const { clock, told, missing, informer } = await world({}, (fresh) => {
    fill('a')(fresh);
    fresh.refuse = () => (isMissing ? new ApiError('no such resource', { status: 404 }) : undefined);
  });
  await clock.advance(20_000);
  expect(missing()).toBe(1);
  expect(informer.synced()).toBe(false);
  isMissing = false;
  await clock.advance(3_000);
  expect(told()).toEqual(['add a']);
});

describe('waits between tries', () => {
  const failing = async (error: ApiError) => {
    const { api, clock } = await world({}, (fresh) => {
      fresh.refuse = () => error;
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
    let isDown = true;
    const { api, clock, watchCalls } = await world({}, (fresh) => {
      fresh.refuse = () => (isDown ? new ApiError('unavailable', { status: 503 }) : undefined);
    });
    await clock.advance(60_000);
    isDown = false;
    await clock.advance(30_000);
    await clock.advance(60_000);
    const before = watchCalls().length;
    api.breakWatches(new ApiError('aborted', { status: 0 }));
    await clock.advance(200);
    expect(watchCalls()).toHaveLength(before + 1);
  });

  it('briefly each time where watches tell something before they end', async () => {
    const { api, clock, watchCalls } = await world();
    const before = watchCalls().length;
    for (let tries = 1; tries <= 10; tries += 1) {
      api.put(imageCache({ name: `cache-${tries}` }));
      api.breakWatches();
      await clock.advance(200);
    }
    expect(watchCalls()).toHaveLength(before + 10);
  });

  it('even when watches end at once without a word', async () => {
    const { api, clock, watchCalls } = await world();
    for (let tries = 0; tries < 20; tries += 1) {
      api.breakWatches();
      await clock.advance(1_000);
    }
    expect(watchCalls().length).toBeLessThan(10);
  });
});

it('survives a line that is no JSON and an event of no known type', async () => {
  const { api, clock, told } = await world({}, fill('a'));
  told();
  api.say('{"type":');
  await clock.advance(1_000);
  api.say('{"type":"SURPRISE","object":{}}');
  await clock.advance(1_000);
  api.put(named('b'));
  await clock.advance(1_000);
  expect(told()).toEqual(['add b']);
});

it('stops at once, also while it waits', async () => {
  const { api, informer } = await world({}, (fresh) => {
    fresh.refuse = () => new ApiError('unavailable', { status: 503 });
  });
  stops[0]?.abort();
  await informer.stopped;
  expect(api.watches()).toBe(0);
});

it('stops at once while it watches', async () => {
  const { api, informer } = await world();
  expect(api.watches()).toBe(1);
  stops[0]?.abort();
  await informer.stopped;
  expect(api.watches()).toBe(0);
});

it('tells the state before and after, and watches with the selector', async () => {
  const api = fakeApi();
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
  api.put(job({ name: 'foreign', labels: {} }));
  api.put(job());
  api.put(job({}, { conditions: [{ type: 'Complete', status: 'True' }] }));
  const last = api.get('jobs', 'apps/web-1');
  api.remove('jobs', 'apps/web-1');
  await clock.advance(0);
  const uid = textAt(last, 'metadata', 'uid');
  expect(finished).toEqual([
    [undefined, false, uid, '102'],
    [false, true, uid, '103'],
    [true, undefined, uid, '104'],
  ]);
});
