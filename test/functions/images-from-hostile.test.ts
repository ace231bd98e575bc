import { describe, expect, it } from 'vitest';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, changed, nodeNamed, nodePath, type Scene } from './scene.ts';
import { cacheOf, created, deploy, found, foundImages, next, pulled, running } from './workload-scene.ts';

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
