import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { asked, ends, otherChanged, pulled, removals, removed, told } from './removal-scene.ts';
import { aCache, aJob, cachePath, changed, completed, eventsPath, tick, type Scene } from './scene.ts';

const removalMessages = (on: Scene): readonly unknown[] =>
  on.api.list(eventsPath).flatMap((event) => (event['reason'] === 'ImagesRemoved' ? [event['message']] : []));

describe('an image that is spared for another cache', () => {
  it('is reported with the caches that want it, in the status and in one Event', async () => {
    const on = await pulled({ cacheSpec: [{ images: ['app:1', 'base:2'] }] }, 'node-1');
    const spec = { cacheSpec: [{ images: ['base:2'] }] };
    const metadata = { name: 'other', namespace: 'apps', uid: 'uid-of-other', generation: 1 };
    on.api.put(cachePath('other'), { metadata, spec });
    await reconcile(otherChanged, on.context);
    for (const job of on.jobs()) {
      on.pod(job, completed(0));
      await jobComplete({ ...changed(aJob(job)), cache: otherChanged.cache }, on.context);
    }
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), { outcome: 'spared', image: 'base:2', reason: 'Wanted', by: 'base:2' }]);
    await told(on, job);
    await refresh(tick, on.context);
    expect(on.live().status.removals['node-1']?.sparedImages).toEqual([
      { image: 'base:2', reason: 'Wanted', by: 'apps/other' },
    ]);
    expect(removalMessages(on)).toEqual([
      'Removed 1 image (1.0 kB) from 1 node; spared 1 image: base:2 on node-1 (Wanted, apps/other)',
    ]);
  });
});

describe('an image that another namespace needs', () => {
  it('is reported without the name of a cache, Pod or image of that namespace, in the status and in the Event', async () => {
    const images = ['app:1', 'base:2', 'tool:3'];
    const on = await pulled({ cacheSpec: [{ images }] }, 'node-1');
    for (const name of ['cart', 'till'])
      on.api.put(cachePath(name).replace('/apps/', '/shop/'), {
        metadata: { name, namespace: 'shop', uid: `uid-of-${name}`, generation: 1 },
        spec: { suspend: true, cacheSpec: [{ images: ['app:1'] }] },
      });
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    const spared = { outcome: 'spared' } as const;
    ends(on, job, [
      { ...spared, image: 'app:1', reason: 'Wanted', by: 'app:1' },
      { ...spared, image: 'base:2', reason: 'InUse', by: 'shop/till-0/main, apps/web/app, shop/cart-0/main (ended)' },
      { ...spared, image: 'tool:3', reason: 'SharedTag', by: 'r.shop.example/secret:1, base:2' },
    ]);
    await told(on, job);
    expect(on.live().status.removals['node-1']?.sparedImages).toEqual([
      { image: 'app:1', reason: 'Wanted', by: 'another namespace' },
      { image: 'base:2', reason: 'InUse', by: 'apps/web/app, another namespace' },
      { image: 'tool:3', reason: 'SharedTag', by: 'base:2, a name that this cache does not list' },
    ]);
    const written = JSON.stringify([on.api.read(cachePath()), on.api.list(eventsPath)]);
    expect(written).not.toMatch(/shop|cart|till|secret/);
  });
});

describe('a removal that finds nothing to remove', () => {
  it('records no Event of 0 images', async () => {
    const on = await pulled({ cacheSpec: [{ images: ['app:1', 'base:2'] }] }, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [
      { outcome: 'absent', image: 'app:1' },
      { outcome: 'absent', image: 'base:2' },
    ]);
    await told(on, job);
    await refresh(tick, on.context);
    expect(on.live().status.status).toBe('Succeeded');
    expect(on.api.list(eventsPath).map((event) => event['message'])).not.toContainEqual(
      expect.stringMatching(/removed? 0|^$/i),
    );
    expect(removalMessages(on)).toEqual([]);
  });
});
