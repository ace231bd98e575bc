import type { CloudEvent } from 'cloudevents';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { jobAnnotations, labels, managerLabelValue } from '#model/cache/api.ts';
import { notice } from '#model/cache/cloud-event.ts';
import { statusFormat } from '#model/cache/parse-image-cache.ts';
import { ApiError } from '#runtime/errors.ts';
import { startKubernetesSource, type Within } from '../../../sources/kubernetes/source.ts';
import { DeliveryFailed } from '../../../sources/sink/sink.ts';
import { inMemoryApi, type InMemoryApi } from '../../support/api/in-memory-api.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { condition, imageCache, job, node, pathOf, pod, terminated } from '../objects.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function world(prepare: (api: InMemoryApi) => void = () => undefined, within?: Within) {
  const [api, clock] = [inMemoryApi(), fakeClock()];
  prepare(api);
  const events: CloudEvent<unknown>[] = [];
  let answer: Error | undefined;
  let missing = 0;
  const source = startKubernetesSource({
    api,
    clock,
    log: pino({ level: 'silent' }),
    ...(within === undefined ? {} : { within }),
    onCrdMissing: () => (missing += 1),
    sink: (event) => {
      events.push(event);
      return answer === undefined ? Promise.resolve() : Promise.reject(answer);
    },
  });
  stops.push(source.stop);
  await clock.advance(0);
  return {
    api,
    clock,
    source,
    events,
    missing: () => missing,
    fail: (error: Error | undefined) => (answer = error),
    /** The events sent since the last call, as "verb kind names → cache". */
    told: () => events.splice(0).map(described),
  };
}

function described(event: CloudEvent<unknown>): string {
  const told = notice(event);
  if (told.type !== 'change') return told.type;
  const names = told.changed?.map(({ name }) => name).toSorted() ?? ['everything'];
  return `${told.verb} ${told.object.kind} ${names.join(',')} → ${told.cache?.namespace ?? ''}/${told.cache?.name ?? ''}`;
}

/** Jobs and Pods have separate watches, so either of them may name the event. */
const withoutKind = (told: string): string => told.replace(/^(\w+) \w+/, '$1');

const twoCaches = (api: InMemoryApi): void => {
  api.apply(imageCache());
  api.apply(imageCache({ name: 'db' }));
};

describe('at the start', () => {
  it('reports every existing object but Nodes once', async () => {
    const { told, source } = await world((api) => {
      twoCaches(api);
      api.apply(node());
      api.apply(node({ name: 'node-2' }));
      api.apply(job());
      api.apply(pod({}, condition('Ready')));
      api.apply(pod({ name: 'ended' }, { phase: 'Failed' }));
    });
    expect(told().map(withoutKind).toSorted()).toEqual([
      'add ended,web-1 → apps/web',
      'add everything → apps/db',
      'add everything → apps/web',
    ]);
    expect(source.synced()).toBe(true);
    expect(source.caches.size).toBe(2);
  });

  it('reports nothing before all informers are synced', async () => {
    const { api, told, source, clock } = await world((api) => {
      twoCaches(api);
      api.refuse(/\/nodes/, new ApiError('down', { status: 503 }), Infinity);
    });
    await clock.advance(5_000);
    expect([told(), source.synced()]).toEqual([[], false]);
    api.acceptAll();
    await clock.advance(10_000);
    await source.whenSynced;
    expect(told()).toHaveLength(2);
  });

  it('logs a missing CRD once, and continues when it is installed', async () => {
    const { api, missing, source, clock, told } = await world((api) => {
      twoCaches(api);
      api.refuse(/imagecaches/, new ApiError('none', { status: 404 }), Infinity);
    });
    await clock.advance(30_000);
    expect([missing(), source.synced()]).toEqual([1, false]);
    api.acceptAll();
    await clock.advance(3_000);
    expect(told()).toHaveLength(2);
  });
});

describe('afterwards', () => {
  const started = async (prepare = twoCaches) => {
    const made = await world(prepare);
    await made.clock.advance(2_000);
    made.told();
    return made;
  };

  it('reports changes of a spec, and not of a status', async () => {
    const { api, clock, told, events } = await started();
    api.apply(imageCache({}, { status: { status: 'Processing' } }));
    await clock.advance(0);
    expect(told()).toEqual([]);
    api.apply(imageCache({ generation: 2 }));
    await clock.advance(0);
    expect(events[0]).toMatchObject({ generation: '2', source: 'https://api.test:6443' });
    expect(told()).toEqual(['update ImageCache web → apps/web']);
  });

  it('reports a changed Node once for each cache', async () => {
    const { api, clock, told } = await started();
    api.apply(node());
    await clock.advance(0);
    expect(told().toSorted()).toEqual(['add Node node-1 → apps/db', 'add Node node-1 → apps/web']);
    api.apply(node({}, { status: { ...condition('Ready'), images: [{}] } }));
    await clock.advance(0);
    expect(told()).toEqual([]);
  });

  it('reports a changed Node to the caches that select it, did before, or have images to remove from it', async () => {
    const { api, clock, told } = await started();
    const onPool = (pool: string) => ({ cacheSpec: [{ images: ['app:1'], nodeSelector: { pool } }] });
    const removals = { 'node-1': { id: 'x', imagesHash: 'h', round: 1, attempt: 0, state: 'Skipped' } };
    api.apply(imageCache({}, { spec: onPool('web') }));
    api.apply(imageCache({ name: 'db' }, { spec: onPool('db') }));
    api.apply(imageCache({ name: 'owing' }, { spec: onPool('none'), status: { removals } }));
    api.apply(
      imageCache({ name: 'gated' }, { spec: { ...onPool('none'), warmGate: { taintKey: 'example.com/cold' } } }),
    );
    await clock.advance(2_000);
    told();
    api.apply(node({ labels: { pool: 'web' } }));
    api.apply(node({ name: 'node-2', labels: { pool: 'db' } }));
    await clock.advance(2_000);
    expect(told().toSorted()).toEqual([
      'add Node node-1 → apps/gated',
      'add Node node-1 → apps/owing',
      'add Node node-1 → apps/web',
      'add Node node-2 → apps/db',
      'add Node node-2 → apps/gated',
    ]);
    api.apply(node({ labels: { pool: 'db' } }));
    await clock.advance(2_000);
    expect(told().toSorted()).toEqual([
      'update Node node-1 → apps/db',
      'update Node node-1 → apps/gated',
      'update Node node-1 → apps/owing',
      'update Node node-1 → apps/web',
    ]);
    api.remove(pathOf('nodes', '/node-1'));
    await clock.advance(2_000);
    expect(told().toSorted()).toEqual([
      'delete Node node-1 → apps/db',
      'delete Node node-1 → apps/gated',
      'delete Node node-1 → apps/owing',
    ]);
  });

  it('reports a Node with another label only to the caches that depend on it', async () => {
    const { api, clock, told } = await started();
    const cacheWith = (name: string, spec: object): void => {
      api.apply(imageCache({ name }, { spec: { cacheSpec: [{ images: ['app:1'] }], ...spec } }));
    };
    cacheWith('all', {});
    cacheWith('web', { cacheSpec: [{ images: ['app:1'], nodeSelector: { pool: 'web' } }] });
    cacheWith('db', {
      cacheSpec: [{ images: ['app:1'], nodeMatchExpressions: [{ key: 'disk', operator: 'Exists' }] }],
    });
    cacheWith('racks', { rollout: { topologyKey: 'example.com/rack' } });
    api.apply(node({ labels: { pool: 'web', disk: 'ssd' } }));
    await clock.advance(10_000);
    told();
    const toldOnceLabelled = async (labels: Readonly<Record<string, string>>) => {
      api.apply(node({ labels }));
      await clock.advance(2_000);
      return told().map((line) => line.replace('update Node node-1 → apps/', ''));
    };
    const own = { pool: 'web', disk: 'ssd' };
    expect(await toldOnceLabelled({ ...own, 'example.com/heartbeat': '1' })).toEqual([]);
    expect(await toldOnceLabelled({ ...own, 'example.com/heartbeat': '2' })).toEqual([]);
    expect(await toldOnceLabelled(own)).toEqual([]);
    expect(await toldOnceLabelled({ ...own, pool: 'db' })).toEqual(['web']);
    expect(await toldOnceLabelled({ pool: 'db' })).toEqual(['db']);
    expect(await toldOnceLabelled({ pool: 'db', 'example.com/rack': '7' })).toEqual(['racks']);
    expect(await toldOnceLabelled({ pool: 'db', 'example.com/rack': '7', 'kubefledged.io/skip': 'true' })).toEqual(
      expect.arrayContaining(['all', 'racks']),
    );
  });

  it('reports a Node that lists an image no longer to the caches that hold it there', async () => {
    const holding = (name: string, images: readonly string[], state = 'Ready') =>
      imageCache(
        { name, uid: name },
        {
          spec: { cacheSpec: [{ images }] },
          status: {
            format: statusFormat,
            status: 'Succeeded',
            nodes: { 'node-1': { id: 'i', desiredHash: 'h', attempt: 1, state } },
          },
        },
      );
    const listing = (...names: readonly string[]) =>
      node(
        {},
        {
          status: { conditions: [{ type: 'Ready', status: 'True' }], images: names.map((name) => ({ names: [name] })) },
        },
      );
    const all = ['docker.io/library/app:1', 'base:2', `base@sha256:${'a'.repeat(64)}`];
    const { api, clock, told } = await world((api) => {
      api.apply(holding('web', ['app:1']));
      api.apply(holding('pinned', [`base@sha256:${'a'.repeat(64)}`]));
      api.apply(holding('pulling', ['app:1'], 'Pulling'));
      api.apply(listing(...all));
    });
    await clock.advance(5_000);
    told();
    const toldOnceListed = async (...names: readonly string[]) => {
      api.apply(listing(...names));
      await clock.advance(2_000);
      return told();
    };
    expect(await toldOnceListed(...all, 'other:1')).toEqual([]);
    expect(await toldOnceListed(...all)).toEqual([]);
    expect(await toldOnceListed(...all.slice(1))).toEqual(['update Node node-1 → apps/web']);
    expect(await toldOnceListed(...all.slice(0, 2))).toEqual(['update Node node-1 → apps/pinned']);
    expect(await toldOnceListed()).toEqual([]);
    expect(await toldOnceListed(...all)).toEqual([]);
    expect(await toldOnceListed(...Array.from({ length: 50 }, (_, each) => `large:${each}`))).toEqual([]);
  });

  it('reports a new Node once, when it is Ready or after 5 s', async () => {
    const { api, clock, told } = await started();
    const away = { status: condition('Ready', 'False') };
    for (const name of ['soon', 'late', 'gone']) api.apply(node({ name }, away));
    api.apply(node({ name: 'soon', labels: { pool: 'db' } }, away));
    await clock.advance(4000);
    expect(told()).toEqual([]);
    api.apply(node({ name: 'soon' }));
    await clock.advance(0);
    expect(told().toSorted()).toEqual(['update Node soon → apps/db', 'update Node soon → apps/web']);
    api.remove(pathOf('nodes', '/gone'));
    await clock.advance(0);
    expect(told().toSorted()).toEqual(['delete Node gone → apps/db', 'delete Node gone → apps/web']);
    await clock.advance(1000);
    expect(told().toSorted()).toEqual(['add Node late → apps/db', 'add Node late → apps/web']);
    api.apply(node({ name: 'soon' }, away));
    await clock.advance(0);
    expect(told().toSorted()).toEqual(['update Node soon → apps/db', 'update Node soon → apps/web']);
    await clock.advance(20_000);
    expect(told()).toEqual([]);
  });

  it('reports a Job for its own cache only, batched with the changes of one second', async () => {
    const { api, clock, told } = await started();
    api.apply(job());
    api.apply(pod());
    await clock.advance(0);
    expect(told()).toEqual([]);
    api.apply(pod({}, terminated()));
    await clock.advance(0);
    expect(told()).toEqual(['update Pod web-1-x → apps/web']);
    api.apply(pod({}, { phase: 'Succeeded' }));
    api.apply(job({}, condition('Complete')));
    await clock.advance(999);
    expect(told()).toEqual([]);
    await clock.advance(1);
    expect(told().map(withoutKind)).toEqual(['update web-1,web-1-x → apps/web']);
  });

  it('reports a deleted Job once, and not again with its Pod', async () => {
    const { api, clock, told } = await started();
    api.apply(job());
    api.apply(pod());
    await clock.advance(2_000);
    api.remove(pathOf('jobs', 'apps/web-1'));
    api.apply(pod({ deletionTimestamp: '2026-11-24T00:00:00Z' }));
    api.remove(pathOf('pods', 'apps/web-1-x'));
    await clock.advance(2_000);
    expect(told()).toEqual(['delete Job web-1 → apps/web']);
  });

  it('does not report the deletion of a Job whose Pod has ended, which was reported', async () => {
    const { api, clock, told } = await started();
    api.apply(job());
    api.apply(pod());
    api.apply(pod({}, { phase: 'Succeeded' }));
    await clock.advance(2_000);
    expect(told()).toEqual(['update Pod web-1-x → apps/web']);
    api.remove(pathOf('jobs', 'apps/web-1'));
    api.apply(pod({ deletionTimestamp: '2026-11-24T00:00:00Z' }, { phase: 'Succeeded' }));
    api.remove(pathOf('pods', 'apps/web-1-x'));
    await clock.advance(2_000);
    expect(told()).toEqual([]);
    api.apply(job({ uid: 'another' }));
    await clock.advance(2_000);
    api.remove(pathOf('jobs', 'apps/web-1'));
    await clock.advance(2_000);
    expect(told()).toEqual(['delete Job web-1 → apps/web']);
  });

  it('reports the deletion of a Job that has another Pod after one that failed', async () => {
    const { api, clock, told } = await started();
    api.apply(job());
    api.apply(pod({}, { phase: 'Failed' }));
    api.apply(pod({ name: 'web-1-y' }));
    await clock.advance(2_000);
    told();
    api.remove(pathOf('jobs', 'apps/web-1'));
    await clock.advance(2_000);
    expect(told()).toEqual(['delete Job web-1 → apps/web']);
  });

  it('reports a Pod that is observed before its Job together with it', async () => {
    const { api, clock, told } = await started();
    api.apply(pod({}, terminated()));
    await clock.advance(2_000);
    expect(told()).toEqual([]);
    api.apply(job());
    await clock.advance(0);
    expect(told()).toEqual(['add Job web-1 → apps/web']);
  });

  it('reports Jobs of a large cache every 5 s', async () => {
    const { api, clock, told } = await started((api) => {
      api.apply(imageCache({}, { status: { message: 'x'.repeat(100_000) } }));
    });
    api.apply(job({}, condition('SuccessCriteriaMet')));
    await clock.advance(0);
    told();
    api.apply(job({}, condition('Complete')));
    await clock.advance(4_999);
    expect(told()).toEqual([]);
    await clock.advance(1);
    expect(told()).toHaveLength(1);
  });

  it('reports a deleted cache, and then nothing of its Jobs and Nodes', async () => {
    const { api, clock, told } = await started();
    api.apply(job());
    await clock.advance(5_000);
    told();
    api.remove(pathOf('imagecaches', 'apps/web'));
    await clock.advance(0);
    expect(told()).toEqual(['delete ImageCache web → apps/web']);
    api.remove(pathOf('jobs', 'apps/web-1'));
    api.apply(node());
    await clock.advance(60_000);
    expect(told()).toEqual(['add Node node-1 → apps/db']);
  });

  it("reports kube-fledged's Jobs for the cache that owns them, and no Jobs without an owner", async () => {
    const { api, clock, told } = await started();
    const manager = { labels: { [labels.manager]: managerLabelValue } };
    const owner = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', name: 'db', controller: true };
    const ended = condition('Complete');
    api.apply(job({ name: 'old', annotations: {}, ...manager, ownerReferences: [owner] }, ended));
    api.apply(job({ name: 'stray', annotations: {}, ...manager }, ended));
    api.apply(job({ name: 'lost', annotations: { [jobAnnotations.cache]: 'apps/nowhere' } }, ended));
    await clock.advance(2_000);
    expect(told()).toEqual(['add Job old → apps/db']);
  });

  describe('a Job without a Pod', () => {
    it('is reported after 10 s', async () => {
      const { api, clock, told } = await started();
      api.apply(job());
      await clock.advance(9_999);
      expect(told()).toEqual([]);
      await clock.advance(1);
      expect(told()).toEqual(['update Job web-1 → apps/web']);
    });

    it('is not reported while Pods of other Jobs appear', async () => {
      const { api, clock, told } = await started();
      api.apply(job());
      api.apply(job({ name: 'web-2' }));
      await clock.advance(9_000);
      api.apply(pod({ name: 'web-2-x', ownerReferences: [{ kind: 'Job', name: 'web-2', controller: true }] }));
      await clock.advance(10_999);
      expect(told()).toEqual([]);
      await clock.advance(1);
      expect(told()).toEqual(['update Job web-1 → apps/web']);
    });

    it.each([
      { when: 'its Pod appeared', then: (api: InMemoryApi) => api.apply(pod()) },
      { when: 'it ended', then: (api: InMemoryApi) => api.apply(job({}, condition('Failed'))) },
      { when: 'it was deleted', then: (api: InMemoryApi) => api.remove(pathOf('jobs', 'apps/web-1')) },
    ])('is not reported when $when', async ({ then }) => {
      const { api, clock, told } = await started();
      api.apply(job());
      await clock.advance(5_000);
      then(api);
      await clock.advance(2_000);
      told();
      await clock.advance(20_000);
      expect(told()).toEqual([]);
    });
  });

  describe('a Job with a deadline', () => {
    const annotations = { [jobAnnotations.cache]: 'apps/web', [jobAnnotations.deadline]: '20' };
    const withPod = async () => {
      const run = await started();
      run.api.apply(job({ annotations }));
      run.api.apply(pod());
      await run.clock.advance(15_000);
      run.told();
      return run;
    };

    it('is reported when it has not finished by then', async () => {
      const { clock, told } = await withPod();
      await clock.advance(6_499);
      expect(told()).toEqual([]);
      await clock.advance(1);
      expect(told()).toEqual(['update Job web-1 → apps/web']);
    });

    it('is reported at the deadlines of its Pod, which count from its start: one image, half of the images, all', async () => {
      const { api, clock, told } = await started();
      api.apply(job({ annotations }));
      await clock.advance(30_000);
      told();
      const spec = { containers: ['image-0', 'image-1', 'image-2', 'image-3'].map((name) => ({ name })) };
      api.apply({
        ...(pod({ annotations }) as object),
        spec,
        status: { startTime: new Date(clock.now()).toISOString() },
      });
      const reported: number[] = [];
      for (let second = 1; second <= 90; second += 1) {
        await clock.advance(1_000);
        if (told().length > 0) reported.push(second);
      }
      expect(reported).toEqual([21, 41, 81]);
    });

    it('is not reported when it has', async () => {
      const { api, clock, told } = await withPod();
      api.remove(pathOf('jobs', 'apps/web-1'));
      await clock.advance(3_000);
      told();
      await clock.advance(30_000);
      expect(told()).toEqual([]);
    });
  });

  describe('a cache of which something is due', () => {
    const due = (at: number) => ({ status: { status: 'Succeeded', nextRefreshTime: new Date(at).toISOString() } });
    const dueIn: readonly (readonly [string, (time: string) => object])[] = [
      ['its next refresh', (nextRefreshTime) => ({ nextRefreshTime })],
      ['its next wave', (nextWaveTime) => ({ nextWaveTime })],
      ['the end of the rest of a registry', (waitsUntil) => ({ registries: { 'docker.io': { waitsUntil } } })],
      ['a removal that failed', (retryTime) => ({ removals: { 'node-1': { state: 'Failed', retryTime } } })],
    ];

    it.each(dueIn)('is reported when it is: %s', async (_, status) => {
      const { api, clock, told } = await started();
      api.apply({ ...(imageCache() as object), status: status(new Date(clock.now() + 20_000).toISOString()) });
      await clock.advance(2_000);
      told();
      await clock.advance(17_999);
      expect(told()).toEqual([]);
      await clock.advance(2);
      expect(told()).toEqual(['update ImageCache web → apps/web']);
    });

    it('in more than an hour is left to the tick', async () => {
      const { api, clock, told } = await started();
      api.apply({ ...(imageCache() as object), ...due(clock.now() + 3_700_000) });
      await clock.advance(2_000);
      told();
      await clock.advance(3_800_000);
      expect(told()).toEqual([]);
    });
  });

  it('retries a failed event unchanged until it is accepted', async () => {
    const { api, clock, events, fail } = await started();
    fail(new DeliveryFailed('503'));
    api.apply(imageCache({ generation: 2 }));
    await clock.advance(1_000);
    fail(undefined);
    await clock.advance(60_000);
    expect(events.length).toBeGreaterThan(2);
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
  });

  it('watches nothing and reports nothing after a stop', async () => {
    const { api, clock, told, source } = await started();
    await source.stop();
    expect(api.openWatches()).toBe(0);
    api.apply(imageCache({ generation: 2 }));
    await clock.advance(60_000);
    expect(told()).toEqual([]);
  });
});

describe('limited to namespaces', () => {
  const within = { namespaces: ['apps', 'team'], installation: 'system' };
  const forbidden = new ApiError('no right to the whole cluster', { status: 403 });
  const limited = (prepare: (api: InMemoryApi) => void) =>
    world((api) => {
      api.refuse(/^(?!.*namespaces).*\/(imagecaches|jobs|pods)$/, forbidden, Infinity);
      prepare(api);
    }, within);

  it('reports the caches of those namespaces only', async () => {
    const { told, source, clock, api } = await limited((api) => {
      api.apply(imageCache());
      api.apply(imageCache({ namespace: 'team' }));
      api.apply(imageCache({ namespace: 'other' }));
    });
    expect(source.synced()).toBe(true);
    expect(told().toSorted()).toEqual(['add ImageCache everything → apps/web', 'add ImageCache everything → team/web']);
    api.apply(imageCache({ namespace: 'other', generation: 2 }));
    api.apply(imageCache({ namespace: 'team', generation: 2 }));
    api.apply(node({ name: 'node-2' }));
    await clock.advance(2_000);
    expect(new Set(told().map((each) => each.replace(/.*→ /, '')))).toEqual(new Set(['apps/web', 'team/web']));
    api.remove(pathOf('imagecaches', 'apps/web'));
    await clock.advance(2_000);
    expect([told(), source.caches.size]).toEqual([['delete ImageCache web → apps/web'], 1]);
  });

  it('reports Jobs in those namespaces, and removal Jobs in the namespace of the installation', async () => {
    const { told, clock, api } = await limited((api) => api.apply(imageCache()));
    await clock.advance(2_000);
    told();
    for (const namespace of ['apps', 'system', 'other'])
      api.apply(job({ name: `of-${namespace}`, namespace }, condition('Complete')));
    await clock.advance(2_000);
    expect(told()).toEqual(['add Job of-apps → apps/web', 'add Job of-system → apps/web']);
  });

  it('logs a missing CRD once', async () => {
    const { api, missing, source, clock } = await world((api) => {
      api.refuse(/imagecaches/, new ApiError('none', { status: 404 }), Infinity);
    }, within);
    await clock.advance(30_000);
    expect([missing(), source.synced()]).toEqual([1, false]);
    api.acceptAll();
    await clock.advance(3_000);
    expect(source.synced()).toBe(true);
  });
});
