import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { boundTable } from '#runtime/bounds.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { aCache, changed, nodeNamed, nodePath, tick, type Scene } from './scene.ts';
import {
  accountPath,
  appsOf,
  cacheOf,
  created,
  deploy,
  found,
  foundImages,
  next,
  pulled,
  running,
} from './workload-scene.ts';

const inPool = (pool: string, ...images: readonly string[]): object => ({
  ...running(...images),
  nodeSelector: { pool },
});

const required = (nodeSelectorTerms: readonly object[]): object => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});

const removed = (on: Scene): readonly string[] => Object.values(on.live().status.toRemove).flat();

describe('more sets of nodes than are served', () => {
  it('leave those that are known where they are', async () => {
    const on = cacheOf({ nodes: 'AsPods' });
    const metadata = { name: 'last', uid: 'uid-of-last', labels: { pool: 'p-199' } };
    on.api.put(nodePath('last'), nodeNamed('last', { metadata }));
    for (let pool = 100; pool < 200; pool += 1) deploy(on, `web-${pool}`, inPool(`p-${pool}`, `web:${pool}`));
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'new', inPool('a', 'new:1'));
    await next(on);
    expect(removed(on)).toEqual([]);
    expect(foundImages(on)).toContain('web:199');
    expect(foundImages(on)).not.toContain('new:1');
    expect(found(on).problem).toBe('Workloads run on 101 different sets of nodes, of which 100 are served');
  });

  it('are counted by the terms of node affinity, each of which is one', async () => {
    const on = cacheOf({ nodes: 'AsPods' });
    const terms = (of: number): readonly object[] =>
      Array.from({ length: 60 }, (_, index) => ({
        matchExpressions: [{ key: `k${of}-${index}`, operator: 'Exists' }],
      }));
    for (let index = 0; index < 100; index += 1)
      deploy(on, `web-${index}`, { ...running('web:1'), ...required(terms(index)) });
    await reconcile(created, on.context);
    expect(on.live().spec.lists.length).toBeLessThanOrEqual(101);
    expect(found(on).problem).toBe('Workloads run on 6000 different sets of nodes, of which 60 are served');
  });

  it('are not those that differ in fields only, which do not count', async () => {
    const on = cacheOf({ nodes: 'AsPods' });
    const field = (name: number) => ({
      matchFields: [{ key: 'metadata.name', operator: 'In', values: [`node-${name}`] }],
    });
    for (let name = 0; name < 200; name += 1)
      deploy(on, `web-${name}`, { ...running('web:1'), ...required([field(name), field(name + 1)]) });
    await reconcile(created, on.context);
    expect(found(on).lists).toHaveLength(1);
    expect(on.live().spec.lists).toHaveLength(2);
    expect(found(on).problem).toBe('');
  });
});

describe('huge templates', () => {
  it('are read as far as a bound allows, and what is known stays', async () => {
    const on = cacheOf({ keepSeconds: 0 });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    const images = Array.from({ length: 10_000 }, (_, index) => `r.example.com/${'a'.repeat(100)}:${index}`);
    for (let index = 0; index < 4; index += 1) deploy(on, `a-${index}`, running(...images));
    on.api.remove('/apis/apps/v1/namespaces/apps/deployments/web');
    deploy(on, 'web', running('web:1'));
    await reconcile(changed(aCache), on.context);
    expect(removed(on)).toEqual([]);
    expect(foundImages(on)).toContain('web:1');
    expect(found(on).problem).toContain('node selectors of the workloads that match exceed 4194304 bytes');
  });
});

describe('workloads of a megabyte and more each', () => {
  const megabyte = 1024 ** 2;
  const padded = (name: string, bytes: number): object => ({
    metadata: { name, namespace: 'apps', labels: {} },
    spec: { template: { spec: running(`web:${name}`) }, padding: 'x'.repeat(bytes) },
  });

  it('are read in pages of fewer, none of which exceeds a bound', async () => {
    const on = cacheOf();
    for (let index = 10; index < 30; index += 1)
      on.api.put(`${appsOf('deployments')}/w-${index}`, padded(`w-${index}`, 1.5 * megabyte));
    await reconcile(created, on.context);
    expect(foundImages(on)).toHaveLength(20);
    const limits = on.api.newCalls().flatMap((call) => /deployments\?limit=(\d+)/.exec(call)?.[1] ?? []);
    expect(limits).toEqual(['50', '25', '13', '7', ...Array.from({ length: 5 }, () => '4')]);
  });

  it('are left out if one alone exceeds it, which keeps what was found', async () => {
    const on = cacheOf({ keepSeconds: 0 });
    deploy(on, 'a', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    on.api.put(`${appsOf('deployments')}/a`, padded('a', 9 * megabyte));
    await next(on);
    expect(foundImages(on)).toEqual(['web:1']);
    expect(found(on).problem).toBe('One of the deployments in namespace apps exceeds 8388608 bytes');
  });
});

describe('thousands of service accounts', () => {
  const accounts = (on: Scene, count: number): void => {
    for (let index = 0; index < count; index += 1)
      on.api.put(accountPath(`a-${10_000 + index}`), { metadata: { name: `a-${10_000 + index}`, namespace: 'apps' } });
  };
  const listings = (on: Scene): number => on.api.newCalls().filter((call) => call.includes('serviceaccounts')).length;
  const robot = { metadata: { name: 'robot', namespace: 'apps' }, imagePullSecrets: [{ name: 'of-robot' }] };

  it('are read until those that workloads name are found', async () => {
    const on = cacheOf();
    on.api.put(accountPath('default'), { metadata: { name: 'default', namespace: 'apps' } });
    on.api.put(accountPath('robot'), robot);
    accounts(on, 1000);
    deploy(on, 'web', { ...running('web:1'), serviceAccountName: 'robot' });
    await reconcile(created, on.context);
    expect(listings(on)).toBe(1);
    expect(found(on).pullSecrets).toMatchObject([{ name: 'of-robot' }]);
  });

  it('are read as far as a bound allows, and secrets that are known stay', async () => {
    const on = cacheOf({ keepSeconds: 0 });
    on.api.put(accountPath('robot'), robot);
    deploy(on, 'web', { ...running('web:1'), serviceAccountName: 'robot' });
    await reconcile(created, on.context);
    await pulled(on);
    on.api.remove(accountPath('robot'));
    accounts(on, 3000);
    on.api.put(accountPath('robot'), robot);
    on.api.newCalls();
    await reconcile(changed(aCache), on.context);
    expect(listings(on)).toBe(9);
    await next(on);
    expect(found(on).pullSecrets).toMatchObject([{ name: 'of-robot' }]);
    expect(found(on).problem).toContain('More than 2000 service accounts');
  });
});

describe('workloads that do not answer', () => {
  const isListing = /GET .*deployments$/;

  /** Lets a second pass, and all be done that can be done then: decisions wait for turns of the event loop, which is real. */
  async function second(): Promise<void> {
    await vi.advanceTimersByTimeAsync(1000);
    for (let turn = 0; turn < 500; turn += 1) await setImmediate();
  }

  /** Runs work, and lets the time pass that it may take. */
  async function within(seconds: number, work: Promise<unknown>): Promise<void> {
    const end = new AbortController();
    const settled = Promise.allSettled([work]).then(() => end.abort());
    for (let passed = 0; passed < seconds && !end.signal.aborted; passed += 1) await second();
    await settled;
  }
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('fail an event about their cache in a bounded time', async () => {
    const on = cacheOf();
    on.api.hang(isListing);
    const handled = reconcile(created, on.context);
    await within(16, handled);
    await expect(handled).rejects.toThrow('no answer');
  });

  it('hold up no other cache of a tick, and keep what was found', async () => {
    const on = cacheOf({}, { refreshFrequency: 900_000 });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    for (let index = 10; index < 30; index += 1)
      on.cache({ cacheSpec: [{ imagesFrom: { kinds: ['Deployment'] } }] }, `finding-${index}`);
    on.cache({ cacheSpec: [{ images: ['own:1'] }] }, 'zzz');
    on.api.hang(isListing);
    on.wait(900_000);
    const ticked = refresh(tick, on.context);
    await second();
    expect(on.live('zzz').status.status).toBe('Processing');
    // The clock of the scene stands still, so that this is the bound for all of them.
    await within(120, ticked);
    expect(on.live().status.round).toMatchObject({ operation: 'Refresh', trigger: 'Schedule' });
    expect(foundImages(on)).toEqual(['web:1']);
  });

  it('are read no more in a tick that has taken long', async () => {
    const on = cacheOf();
    for (let index = 10; index < 50; index += 1)
      on.cache({ cacheSpec: [{ imagesFrom: { kinds: ['Deployment'] } }] }, `finding-${index}`);
    on.api.hang(isListing);
    const { cluster } = on.context;
    const imageSources: typeof cluster.imageSources = async (...given) => {
      try {
        return await cluster.imageSources(...given);
      } finally {
        on.wait(15_000 / boundTable.tick_readings.limit);
      }
    };
    on.api.newCalls();
    await within(60, refresh(tick, { ...on.context, cluster: { ...cluster, imageSources } }));
    const listings = on.api.newCalls().filter((call) => call.includes('deployments'));
    expect(listings.length).toBeLessThanOrEqual(3 * boundTable.tick_readings.limit);
  });
});

describe('hundreds of lists', () => {
  const listings = (on: Scene): number => on.api.newCalls().filter((call) => call.includes('deployments')).length;

  it('of the same workloads on other nodes read these once', async () => {
    const of = (pool: number) => ({ nodeSelector: { pool: `p-${pool}` }, imagesFrom: { kinds: ['Deployment'] } });
    const on = cacheOf({}, {}, { cacheSpec: Array.from({ length: 50 }, (_, pool) => of(pool)) });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    expect(listings(on)).toBe(1);
    expect(found(on).lists).toHaveLength(50);
  });

  it('of other workloads are read as far as a bound allows', async () => {
    const of = (app: number) => ({
      imagesFrom: { kinds: ['Deployment'], selector: { matchLabels: { app: `a-${app}` } } },
    });
    const on = cacheOf({}, {}, { cacheSpec: Array.from({ length: 200 }, (_, app) => of(app)) });
    await reconcile(created, on.context);
    expect(listings(on)).toBe(64);
    expect(found(on).problem).toBe(
      'Lists select by more than 64 kinds and selectors together, of which no more are read',
    );
  });
});

describe('a problem', () => {
  it('is text that the API server stores as it is', async () => {
    const on = cacheOf();
    // One of both lengths lets the last sentence be cut in the middle of a character.
    for (const length of [950, 951]) {
      on.api.put('/apis/apps/v1/namespaces/apps/deployments/a', {
        metadata: { name: 'n'.repeat(length), namespace: 'apps' },
        spec: { template: { spec: running('😀'.repeat(40)) } },
      });
      await reconcile(changed(aCache), on.context);
      await next(on);
      expect(found(on).problem.isWellFormed()).toBe(true);
    }
  });
});

describe('thousands of workloads that do not change', () => {
  it('cause no write', async () => {
    const on = cacheOf({ nodes: 'AsPods' });
    for (let index = 0; index < 500; index += 1)
      deploy(on, `web-${index}`, {
        ...inPool(`p-${index % 7}`, `web:${index % 50}`, `own:${index % 3}`),
        tolerations: [{ effect: 'NoSchedule', operator: 'Exists', key: 'gpu' }],
      });
    await reconcile(created, on.context);
    await next(on);
    on.api.newCalls();
    for (let minute = 0; minute < 3; minute += 1) {
      await next(on);
      await reconcile(changed(aCache), on.context);
    }
    expect(on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([]);
  });
});
