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
