import { describe, expect, it } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, aNode, changed, nodeNamed, nodePath, podsPath, tick, type Scene } from './scene.ts';
import { asked, orderOf, removals } from './removal-scene.ts';
import { appsOf, cacheOf, created, deploy, imagesOfJobs, next, pulled, running } from './workload-scene.ts';

const maintenance = { key: 'maintenance', value: 'yes', effect: 'NoSchedule' };

/** The Node changes its taints, which its event reports. */
async function taint(on: Scene, taints: readonly object[], name = 'node-1'): Promise<void> {
  on.api.put(nodePath(name), nodeNamed(name, { spec: { taints } }));
  await reconcile(changed(aNode(name)), on.context);
}

/** A cache that has pulled app:1 of a Deployment, whose Pods tolerate no taint, to a node that then got one. */
async function taintedCache(own: readonly string[] = []): Promise<Scene> {
  const on = cacheOf(
    {},
    {},
    { cacheSpec: [{ images: own, imagesFrom: { kinds: ['Deployment'], nodes: 'AsPods', keepSeconds: 0 } }] },
  );
  deploy(on, 'app', running('app:1'));
  await reconcile(created, on.context);
  await pulled(on);
  for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
  await taint(on, [maintenance]);
  await pulled(on);
  for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
  await purge(tick, on.context);
  return on;
}

const orders = (on: Scene) => removals(on).map(orderOf);

describe('a node that gets a taint which the Pods of a workload do not tolerate', () => {
  it('keeps the images, is no failure, and is ready again without a Job once the taint has passed', async () => {
    const on = await taintedCache();
    expect(orders(on)).toEqual([]);
    expect(on.live().status).toMatchObject({
      status: 'NoImagesPulledOrDeleted',
      nodes: { 'node-1': { state: 'Ready', reason: 'TaintNotTolerated' } },
    });
    const jobs = imagesOfJobs(on).length;
    await taint(on, []);
    expect(on.live().status.nodes).toMatchObject({ 'node-1': { state: 'Ready', reason: '' } });
    expect(imagesOfJobs(on)).toHaveLength(jobs);
  });

  it.each([
    ['gets another image', ['--remove=app:1', '--keep=app:2'], (on: Scene) => deploy(on, 'app', running('app:2'))],
    ['is deleted', ['--remove=app:1'], (on: Scene) => on.api.remove(`${appsOf('deployments')}/app`)],
  ])('loses those that no workload names any more when it %s', async (_, order, changes) => {
    const on = await taintedCache();
    changes(on);
    await next(on);
    await purge(tick, on.context);
    expect(orders(on)).toEqual([order]);
    expect(imagesOfJobs(on).flat()).not.toContain('app:2');
  });

  it('pulls what workloads name by then once the taint has passed', async () => {
    const on = await taintedCache();
    deploy(on, 'app', running('app:2'));
    await next(on);
    await taint(on, []);
    expect(imagesOfJobs(on)).toEqual([['app:1'], ['app:2']]);
  });

  it('loses them, too, if the cache has other images for it', async () => {
    const on = await taintedCache(['own:1']);
    expect(orders(on)).toEqual([]);
    deploy(on, 'app', running('app:2'));
    await next(on);
    await purge(tick, on.context);
    expect(orders(on)).toEqual([['--remove=app:1', '--keep=app:2', '--keep=own:1']]);
  });

  it('loses all when the cache is purged', async () => {
    const on = await taintedCache();
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(orders(on)).toEqual([['--remove=app:1']]);
  });
});

describe('a node that has had such a taint all along', () => {
  it('removes nothing', async () => {
    const on = cacheOf({ nodes: 'AsPods', keepSeconds: 0 });
    on.api.put(nodePath('gpu'), nodeNamed('gpu', { spec: { taints: [maintenance] } }));
    deploy(on, 'app', running('app:1'));
    await reconcile(created, on.context);
    await pulled(on);
    for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
    deploy(on, 'app', running('app:2'));
    await next(on);
    await purge(tick, on.context);
    expect(Object.keys(on.live().status.nodes)).toEqual(['node-1']);
    expect(Object.keys(on.live().status.removals)).toEqual(['node-1']);
  });
});
