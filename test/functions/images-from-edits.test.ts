import { describe, expect, it } from 'vitest';
import { reconcile } from '../../functions/reconcile.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { minutes } from './moving-tag.ts';
import { aCache, aNode, changed, nodeNamed, nodePath, type Scene } from './scene.ts';
import { cacheOf, created, deploy, found, images, next, pulled, running } from './workload-scene.ts';

const fromDeployments = { imagesFrom: { kinds: ['Deployment'] } };
const forbidden = refusal(403, 'Forbidden', 'no');

/** A cache that has pulled web:1, which a Deployment names. */
async function pulledCache(imagesFrom: object = {}): Promise<Scene> {
  const on = cacheOf(imagesFrom);
  deploy(on, 'web', running('web:1'));
  await reconcile(created, on.context);
  await pulled(on);
  return on;
}

/** Images that nodes are told to remove. */
const removed = (on: Scene): readonly string[] => Object.values(on.live().status.toRemove).flat();

describe('a list that moves to another index', () => {
  it('keeps its images if an event about a Node opens the round', async () => {
    const on = await pulledCache();
    on.edit({ cacheSpec: [{ images: ['own:1'] }, fromDeployments] });
    await reconcile(changed(aNode('node-1')), on.context);
    expect(removed(on)).toEqual([]);
    expect(images(on)).toEqual(['own:1', 'web:1']);
  });

  it('keeps its images if workloads cannot be read', async () => {
    const on = await pulledCache();
    on.api.refuse(/deployments/, forbidden, 99);
    on.edit({ cacheSpec: [{ images: ['own:1'] }, fromDeployments] });
    await reconcile(changed(aCache), on.context);
    expect(removed(on)).toEqual([]);
    expect(images(on)).toEqual(['own:1', 'web:1']);
    expect(found(on).lists).toMatchObject([{ list: 1 }]);
  });

  it('keeps its images in a suspended cache, for which other caches spare them', async () => {
    const on = await pulledCache();
    on.edit({ suspend: true, cacheSpec: [{ images: ['own:1'] }, fromDeployments] });
    await reconcile(changed(aCache), on.context);
    expect(images(on)).toEqual(['own:1', 'web:1']);
  });

  it('keeps what no workload names any more as long as it says', async () => {
    const on = await pulledCache();
    deploy(on, 'web', running('web:2'));
    await next(on);
    await pulled(on);
    on.edit({ cacheSpec: [{ images: ['own:1'] }, fromDeployments] });
    await reconcile(changed(aCache), on.context);
    expect(images(on)).toEqual(['own:1', 'web:1', 'web:2']);
    await next(on, minutes(61));
    expect(images(on)).toEqual(['own:1', 'web:2']);
  });

  it('does not hand its images to the list that takes its place', async () => {
    const of = (app: string, pool: string) => ({
      nodeSelector: { pool },
      imagesFrom: { kinds: ['Deployment'], selector: { matchLabels: { app } } },
    });
    const on = cacheOf({}, {}, { cacheSpec: [of('a', 'a'), of('b', 'b')] });
    for (const pool of ['a', 'b'])
      on.api.put(
        nodePath(pool),
        nodeNamed(pool, { metadata: { name: pool, uid: `uid-of-${pool}`, labels: { pool } } }),
      );
    deploy(on, 'a', running('a:1'), { app: 'a' });
    deploy(on, 'b', running('b:1'), { app: 'b' });
    await reconcile(created, on.context);
    await pulled(on);
    on.edit({ cacheSpec: [of('b', 'b')] });
    await reconcile(changed(aCache), on.context);
    expect(images(on)).toEqual(['b:1']);
  });

  it('keeps its images when its selector is edited at its place', async () => {
    const on = await pulledCache();
    on.edit({ cacheSpec: [{ imagesFrom: { kinds: ['Deployment'], selector: { matchLabels: { app: 'web' } } } }] });
    await reconcile(changed(aCache), on.context);
    expect(found(on).lists).toMatchObject([{ list: 0, images: [{ image: 'web:1', workloadCount: 0 }] }]);
  });
});
