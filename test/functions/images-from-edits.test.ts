import { describe, expect, it } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { minutes } from './moving-tag.ts';
import {
  aCache,
  aNode,
  cachePath,
  changed,
  completed,
  nodeNamed,
  nodePath,
  podsPath,
  tick,
  type Scene,
} from './scene.ts';
import { asked, ends, orderOf, removals, removed as removedOf, told } from './removal-scene.ts';
import {
  appsOf,
  cacheOf,
  created,
  deploy,
  found,
  foundImages,
  images,
  imagesOfJobs,
  next,
  pulled,
  rollouts,
  running,
  workload,
} from './workload-scene.ts';

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

describe('workloads that cannot be read', () => {
  it('keep their images when the nodes of the list are edited', async () => {
    const on = await pulledCache();
    on.api.refuse(/deployments/, forbidden, 99);
    on.edit({ cacheSpec: [{ imagesFrom: { kinds: ['Deployment'], nodes: 'AsPods' } }] });
    await reconcile(changed(aCache), on.context);
    expect(removed(on)).toEqual([]);
    expect(images(on)).toEqual(['web:1']);
  });

  it('keep their images if it is their form that is not readable', async () => {
    const on = cacheOf({ kinds: ['Rollout'], keepSeconds: 0 }, { workloadKinds: [rollouts] });
    on.api.put(`${appsOf('rollouts').replace('apps/v1', 'argoproj.io/v1alpha1')}/x`, workload('x', running('x:1')));
    await reconcile(created, on.context);
    await pulled(on);
    const unreadable = { containers: [{ name: 'c', image: 1 }] };
    on.api.put(`${appsOf('rollouts').replace('apps/v1', 'argoproj.io/v1alpha1')}/x`, workload('x', unreadable));
    await next(on);
    expect(removed(on)).toEqual([]);
    expect(foundImages(on)).toEqual(['x:1']);
    expect(found(on).problem).toBe('1 objects of kind Rollout have no readable Pod template');
    const { message, conditions } = on.live().status;
    expect(message).toContain('. 1 objects of kind Rollout have no readable Pod template');
    expect(conditions.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'WorkloadsNotRead',
    });
  });

  it('keep their images if those that were read are too many only with those that are not readable', async () => {
    const path = appsOf('rollouts').replace('apps/v1', 'argoproj.io/v1alpha1');
    const on = cacheOf({ kinds: ['Rollout'], keepSeconds: 0 }, { workloadKinds: [rollouts] });
    on.api.put(`${path}/x`, workload('x', running('x:1')));
    await reconcile(created, on.context);
    await pulled(on);
    on.api.remove(`${path}/x`);
    for (let index = 0; index < 2050; index += 1) on.api.put(`${path}/a-${1000 + index}`, workload('a', {}));
    on.api.put(`${path}/x`, workload('x', running('x:1')));
    await next(on);
    expect(foundImages(on)).toEqual(['x:1']);
  });

  it('keep the secrets that none of them named before', async () => {
    const on = cacheOf({ keepSeconds: 600 });
    deploy(on, 'web', { ...running('web:1'), imagePullSecrets: [{ name: 's' }] });
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'web', running('web:1'));
    await next(on);
    expect(found(on).pullSecrets[0]?.unnamedSince).toBeDefined();
    on.api.refuse(/deployments/, forbidden, 99);
    await next(on, minutes(20));
    expect(found(on).pullSecrets).toMatchObject([{ name: 's' }]);
    on.api.acceptAll();
    await next(on);
    expect(found(on).pullSecrets).toEqual([]);
  });

  it('hold up neither the open round nor a refresh at a tick, whatever the error', async () => {
    const on = cacheOf({}, { refreshFrequency: minutes(15) });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    on.api.refuse(/deployments/, refusal(500, 'InternalError', 'conversion webhook failed'), 99);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await next(on);
    expect(on.live().status.status).toBe('Succeeded');
    await next(on, minutes(20));
    expect(on.live().status.round).toMatchObject({ operation: 'Refresh', trigger: 'Schedule' });
    expect(images(on)).toEqual(['web:1']);
  });

  it('have the event that reports them retried', async () => {
    const on = await pulledCache();
    on.api.refuse(/deployments/, refusal(500, 'InternalError', 'conversion webhook failed'), 99);
    await expect(reconcile(changed(aCache), on.context)).rejects.toThrow('conversion webhook failed');
  });

  it('are not read for an event about removals', async () => {
    const on = await pulledCache();
    on.api.newCalls();
    await reconcile(changed(aCache, { isRemoval: true }), on.context);
    expect(on.api.newCalls().filter((call) => call.includes('deployments'))).toEqual([]);
  });

  it('are not read for an event that a write of the status has caused, only for an edit and with the tick', async () => {
    const on = await pulledCache();
    const listings = (): number => on.api.newCalls().filter((call) => call.includes('deployments')).length;
    listings();
    await reconcile(changed(aCache, { isFrom: 'knative' }), on.context);
    expect(listings()).toBe(0);
    on.edit({ cacheSpec: [fromDeployments, { images: ['own:1'] }] });
    await reconcile(changed(aCache, { isFrom: 'knative' }), on.context);
    expect(listings()).toBe(1);
    await next(on);
    expect(listings()).toBeGreaterThan(0);
  });

  it('keep their images if pages expire again and again', async () => {
    const on = await pulledCache({ keepSeconds: 0 });
    on.api.refuse(/deployments/, refusal(410, 'Expired', 'too old'), 99);
    await next(on).catch(() => undefined);
    await reconcile(changed(aCache), on.context).catch(() => undefined);
    expect(foundImages(on)).toEqual(['web:1']);
    expect(removed(on)).toEqual([]);
  });
});

describe('what workloads named, as another version has recorded it', () => {
  /** A cache in whose status a newer version has used an operator for the nodes of a list, which this one does not know. */
  async function newerCache(): Promise<Scene> {
    const on = await pulledCache();
    for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
    const before = on.api.read(cachePath());
    const status = before?.['status'] as { imagesFrom: { lists: object[] } };
    const nodeSelectorTerms = [{ matchExpressions: [{ key: 'zone', operator: 'Near', values: ['a'] }] }];
    const lists = status.imagesFrom.lists.map((list) => ({ ...list, placement: { nodeSelectorTerms } }));
    on.api.put(cachePath(), { ...before, status: { ...status, imagesFrom: { ...status.imagesFrom, lists } } });
    return on;
  }

  it('leaves the cache alone, with all its images', async () => {
    const on = await newerCache();
    const stored = on.api.read(cachePath());
    await next(on);
    await purge(tick, on.context);
    await expect(reconcile(changed(aCache), on.context)).rejects.toThrow('status.imagesFrom.lists.0.placement');
    expect(removals(on)).toEqual([]);
    expect(on.api.read(cachePath())).toEqual(stored);
    expect(on.api.list('/api/v1/namespaces/apps/events').map(({ reason }) => reason)).toContain('InvalidCache');
  });

  it('goes with the field of the spec', async () => {
    const on = await newerCache();
    const before = on.api.read(cachePath());
    const metadata = { ...before?.metadata, generation: 2 };
    on.api.put(cachePath(), { ...before, metadata, spec: { cacheSpec: [{ images: ['own:1'] }] } });
    await reconcile(changed(aCache), on.context);
    expect(images(on)).toEqual(['own:1']);
    expect(on.api.read(cachePath())).not.toHaveProperty('status.imagesFrom');
  });
});

describe('a purged cache', () => {
  /** A cache that is purged, after which its Deployment gets another image. */
  async function purgedCache(): Promise<Scene> {
    const on = await pulledCache();
    for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(removals(on).map(orderOf)).toEqual([['--remove=web:1']]);
    ends(on, removals(on)[0], [removedOf('web:1')]);
    await told(on, removals(on)[0]);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', placements: [] });
    deploy(on, 'web', running('web:2'));
    await next(on);
    expect(on.live().status.round).toMatchObject({ operation: 'Purge' });
    return on;
  }

  it('does not pull what no workload names since when it is edited', async () => {
    const on = await purgedCache();
    on.edit({ cacheSpec: [fromDeployments, { images: ['own:1'] }] });
    await reconcile(changed(aCache), on.context);
    expect(images(on)).toEqual(['own:1', 'web:2']);
    expect(imagesOfJobs(on).at(-1)).toEqual(['own:1', 'web:2']);
  });

  it('pulls what workloads name now when it is refreshed', async () => {
    const on = await purgedCache();
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    await refresh(changed(aCache), on.context);
    expect(on.live().status.round).toMatchObject({ operation: 'Refresh' });
    expect(imagesOfJobs(on).at(-1)).toEqual(['web:2']);
  });
});

describe('a cache that is deleted with deletionPolicy Purge', () => {
  it('removes what was found, also what no workload names any more, and reads no workloads', async () => {
    const imagesFrom = { kinds: ['Deployment'] };
    const on = cacheOf({}, {}, { deletionPolicy: 'Purge', cacheSpec: [{ images: ['own:1'], imagesFrom }] });
    deploy(on, 'web', running('web:1'));
    await purge(changed(aCache), on.context);
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'web', running('web:2'));
    await next(on);
    await pulled(on);
    for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
    const before = on.api.read(cachePath());
    on.api.put(cachePath(), {
      ...before,
      metadata: { ...before?.metadata, deletionTimestamp: new Date(on.context.now()).toISOString() },
    });
    deploy(on, 'web', running('web:3'));
    on.api.newCalls();
    await reconcile(changed(aCache), on.context);
    await purge(changed(aCache), on.context);
    expect(removals(on).map(orderOf)).toEqual([['--remove=own:1', '--remove=web:1', '--remove=web:2']]);
    expect(on.api.newCalls().filter((call) => call.includes('deployments'))).toEqual([]);
  });
});
