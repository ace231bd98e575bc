import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { boundTable } from '#runtime/bounds.ts';
import { refresh } from '../../functions/refresh.ts';
import { cachePath, tick, type Scene } from './scene.ts';
import { appsOf, cacheOf, deploy, pulled, running, workload } from './workload-scene.ts';

const finding = { cacheSpec: [{ imagesFrom: { kinds: ['Deployment'] } }] };

/** A cache in another namespace, with a Deployment that names shop:1. */
function inShop(on: Scene, spec: object = finding): void {
  const metadata = { name: 'web', namespace: 'shop', uid: 'uid-of-shop', generation: 1 };
  on.api.put(cachePath().replace('/apps/', '/shop/'), { metadata, spec });
  const path = appsOf('deployments').replace('/namespaces/apps/', '/namespaces/shop/');
  on.api.put(`${path}/shop`, workload('shop', running('shop:1')));
}

const shop = (on: Scene) => on.api.read(cachePath().replace('/apps/', '/shop/'))?.['status'];

describe('caches with images of workloads', () => {
  it('do not wait behind all others of a tick, nor others behind them', async () => {
    const on = cacheOf();
    deploy(on, 'web', running('web:1'));
    for (let index = 10; index < 16; index += 1) on.cache(finding, `finding-${index}`);
    for (let index = 10; index < 50; index += 1) on.cache({ cacheSpec: [{ images: ['own:1'] }] }, `own-${index}`);
    const { cluster } = on.context;
    const order: string[] = [];
    const cache: typeof cluster.cache = async ({ namespace, name }) => {
      order.push(name);
      await sleep(2);
      return cluster.cache({ namespace, name });
    };
    await refresh(tick, { ...on.context, cluster: { ...cluster, cache } });
    const firsts = [...new Set(order)];
    const own = firsts.flatMap((name, index) => (name.startsWith('own') ? [index] : []));
    const found = firsts.flatMap((name, index) => (name.startsWith('own') ? [] : [index]));
    expect([own.length, found.length]).toEqual([40, 7]);
    expect(found.at(-1)).toBeLessThan(25);
    expect(own[5]).toBeLessThan(15);
  });
});

describe('workloads that do not answer', () => {
  /** Lets a second pass, and all be done that can be done then: decisions wait for turns of the event loop, which is real. */
  async function second(): Promise<void> {
    await vi.advanceTimersByTimeAsync(1000);
    for (let turn = 0; turn < 500; turn += 1) await setImmediate();
  }

  /** Handles a tick, and looks at what is there after a second of it. */
  async function afterSecond(on: Scene, look: () => void, context = on.context): Promise<void> {
    const end = new AbortController();
    const ticked = refresh(tick, context).finally(() => end.abort());
    await second();
    look();
    for (let passed = 0; passed < 200 && !end.signal.aborted; passed += 1) await second();
    await ticked;
  }
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('of one namespace do not keep those of another from being read', async () => {
    const on = cacheOf();
    for (let index = 10; index < 18; index += 1) on.cache(finding, `finding-${index}`);
    inShop(on);
    on.api.hang(/GET .*namespaces\/apps\/deployments$/);
    await afterSecond(on, () => expect(shop(on)).toMatchObject({ status: 'Processing' }));
  });

  it('for caches that are edited while the tick is at work hold up no other cache', async () => {
    const on = cacheOf();
    for (let index = 0; index < 3; index += 1) on.cache(finding, `finding-${index}`);
    const others = Array.from({ length: 8 }, (_, index) => `own-${index}`);
    for (const name of others) on.cache({ cacheSpec: [{ images: ['own:1'] }] }, name);
    deploy(on, 'web', running('web:1'));
    const { cluster } = on.context;
    // The drives of these caches find them edited, and their workloads do not answer any more.
    const cache: typeof cluster.cache = async (reference) => {
      if (others.includes(reference.name)) for (let turn = 0; turn < 20; turn += 1) await setImmediate();
      else {
        on.api.hang(/GET .*namespaces\/apps\/deployments$/);
        const before = on.api.read(cachePath(reference.name));
        on.api.put(cachePath(reference.name), { ...before, metadata: { ...before?.metadata, generation: 2 } });
      }
      return cluster.cache(reference);
    };
    const look = (): void => {
      for (const name of others) expect(on.live(name).status.status).toBe('Processing');
    };
    await afterSecond(on, look, { ...on.context, cluster: { ...cluster, cache } });
  });

  it('are read by no more caches of one namespace at once than a bound allows', async () => {
    const on = cacheOf();
    for (let index = 10; index < 16; index += 1) on.cache(finding, `finding-${index}`);
    on.api.hang(/GET .*namespaces\/apps\/deployments$/);
    const listings = (): number => on.api.calls.filter((call) => call.includes('deployments')).length;
    await afterSecond(on, () => expect(listings()).toBe(boundTable.tick_readings_of_namespace.limit));
  });

  it('do not hold up a tick if they are Images of Knative', async () => {
    const on = cacheOf({}, { knativeImages: 'all' });
    deploy(on, 'web', running('web:1'));
    await refresh(tick, on.context);
    await pulled(on);
    inShop(on, { cacheSpec: [{ images: ['own:1'] }] });
    on.api.hang(/GET .*caching.internal.knative.dev\/v1alpha1\/images$/);
    await afterSecond(on, () => expect(shop(on)).toMatchObject({ status: 'Processing' }));
  });
});
