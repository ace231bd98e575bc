import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { quiet } from './begun.ts';
import {
  aCache,
  aJob,
  aNode,
  changed,
  completed,
  jobsPath,
  missing,
  nodeNamed,
  nodePath,
  podsPath,
  scene,
  tick,
} from './scene.ts';
import {
  asked,
  removalsPath,
  removals,
  orderOf,
  ends,
  otherChanged,
  removed,
  pulled,
  editedDown,
  ordinary,
  ready,
  odd,
} from './removal-scene.ts';

describe('images that leave the spec', () => {
  it('are removed from their nodes after the new ones are pulled, while the cache is Succeeded', async () => {
    const on = await pulled(undefined, 'node-1');
    on.edit({ cacheSpec: [{ images: ['app:2', 'base:2'] }] });
    await reconcile(changed(aCache), on.context);
    await purge(changed(aCache, { isRemoval: true }), on.context);
    expect(removals(on)).toEqual([]);
    const [job = ''] = on.jobs();
    on.pod(job, completed(0, 1));
    await jobComplete(changed(aJob(job)), on.context);
    expect(on.live().status.status).toBe('Succeeded');
    await purge(changed(aCache, { isRemoval: true }), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--keep=app:2', '--keep=base:2']);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', removals: { 'node-1': { state: 'Removing' } } });
  });

  it('stay for keepSeconds, unless a purge is requested', async () => {
    const kept = async (): Promise<ReturnType<typeof scene>> => {
      const on = await pulled(undefined, 'node-1');
      on.edit({ cacheSpec: [{ images: ['app:1'] }], keepSeconds: 3600 });
      await reconcile(changed(aCache), on.context);
      for (const job of on.jobs()) {
        on.pod(job, completed(0));
        await jobComplete(changed(aJob(job)), on.context);
        on.api.remove(`/api/v1/namespaces/apps/pods/${job}-abcde`);
      }
      await purge(changed(aCache, { isRemoval: true }), on.context);
      expect(removals(on)).toEqual([]);
      expect(on.live().status).toMatchObject({
        status: 'Succeeded',
        removals: { 'node-1': { state: 'Kept', retryTime: Date.parse('2026-11-24T13:00:00Z') } },
      });
      return on;
    };
    const waiting = await kept();
    waiting.wait(3_599_000);
    await purge(tick, waiting.context);
    expect(removals(waiting)).toEqual([]);
    waiting.wait(1000);
    await purge(changed(aCache), waiting.context);
    expect(orderOf(removals(waiting)[0])).toEqual(['--remove=base:2', '--keep=app:1']);
    const purged = await kept();
    purged.annotate(asked);
    await purge(changed(aCache), purged.context);
    expect(orderOf(removals(purged)[0])).toEqual(['--remove=app:1', '--remove=base:2']);
  });

  it('are not removed if the spec lists them again before keepSeconds have passed', async () => {
    const on = await pulled(undefined, 'node-1');
    const both = { cacheSpec: [{ images: ['app:1', 'base:2'] }], keepSeconds: 60 };
    for (const spec of [{ ...both, cacheSpec: [{ images: ['app:1'] }] }, both]) {
      on.edit(spec);
      await reconcile(changed(aCache), on.context);
      for (const job of on.jobs()) {
        on.pod(job, completed(0, 1));
        await jobComplete(changed(aJob(job)), on.context);
        on.api.remove(`/api/v1/namespaces/apps/pods/${job}-abcde`);
      }
    }
    on.wait(61_000);
    await purge(tick, on.context);
    expect(removals(on)).toEqual([]);
    expect(on.live().status.removals).toEqual({});
  });

  it('stay on a node that fails to pull what replaces them, until an edit that it is ready for', async () => {
    const on = await pulled(undefined, 'node-1', 'node-2');
    const isOn = (job: string, node: string): boolean =>
      JSON.stringify(on.api.read(`${jobsPath}/${job}`)?.metadata.annotations).includes(`"${node}"`);
    /** The Pods of node-1 fail to pull, and those of node-2 do not. */
    const finish = async (): Promise<void> => {
      for (const job of on.jobs()) {
        on.pod(job, isOn(job, 'node-1') ? missing(0) : completed(0));
        await jobComplete(changed(aJob(job)), on.context);
        on.api.remove(`${podsPath}/${job}-abcde`);
      }
      await purge(changed(aCache, { isRemoval: true }), on.context);
    };
    on.edit({ cacheSpec: [{ images: ['app:1.0-typo'] }] });
    await reconcile(changed(aCache), on.context);
    for (let turn = 0; turn < 3; turn += 1) await finish();
    const states = Object.values(on.live().status.nodes).map(({ state }) => state);
    expect(states).toContain('Failed');
    const orders = removals(on).map(({ metadata }) => JSON.stringify(metadata.annotations));
    expect(orders.filter((order) => order.includes('node-1'))).toEqual([]);
    quiet(on);
    await purge(tick, on.context);
    expect(quiet(on)).toEqual([]);
    on.edit({ cacheSpec: [{ images: ['app:1.1'] }] });
    await reconcile(changed(aCache), on.context);
    for (const job of on.jobs()) {
      on.pod(job, completed(0));
      await jobComplete(changed(aJob(job)), on.context);
      on.api.remove(`${podsPath}/${job}-abcde`);
    }
    await purge(changed(aCache, { isRemoval: true }), on.context);
    expect(removals(on).map(orderOf).flat()).not.toContain('--remove=app:1.0-typo');
    const later = removals(on).find(({ metadata }) => JSON.stringify(metadata.annotations).includes('node-1'));
    expect(orderOf(later)).toContain('--remove=app:1');
  });

  it.each([
    ['although no spec changed', undefined],
    [
      'also if the lists were edited before the next reconcile',
      [
        { images: ['base:2'], nodeSelector: { tier: 'b' } },
        { images: ['app:1', 'base:2', 'tool:3'], nodeSelector: { tier: 'a' } },
      ],
    ],
  ])('are removed from a node that lost its label, %s', async (_, edited) => {
    const spec = { cacheSpec: [{ images: ['app:1', 'base:2'], nodeSelector: { tier: 'a' } }] };
    const on = scene();
    on.cache(spec);
    on.api.put(
      nodePath('node-1'),
      nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels: { tier: 'a' } } }),
    );
    await reconcile(changed(aCache), on.context);
    const [job = ''] = on.jobs();
    on.pod(job, completed(0, 1));
    await jobComplete(changed(aJob(job)), on.context);
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels: {} } }));
    if (edited !== undefined) on.edit({ cacheSpec: edited });
    await reconcile(changed(edited === undefined ? aNode('node-1') : aCache), on.context);
    expect(on.live().status.nodes).toEqual({});
    await purge(changed(aCache, { isRemoval: true }), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2']);
  });

  it('are not pulled while another cache removes them, and the node’s older image list is ignored afterwards', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    on.cache({ cacheSpec: [{ images: ['app:1'] }] }, 'other');
    const lists = {
      status: { ...ordinary, conditions: odd.conditions, images: [{ names: ['docker.io/library/app:1'] }] },
    };
    on.api.put(nodePath('node-1'), nodeNamed('node-1', lists));
    await reconcile(otherChanged, on.context);
    expect(on.live('other').status.nodes['node-1']?.state).toBe('Pending');
    ends(on, job, [removed('app:1'), removed('base:2')]);
    const path = `${removalsPath}/${job?.metadata.name ?? ''}`;
    on.api.put(path, { ...on.api.read(path), status: { conditions: [{ type: 'Complete', status: 'True' }] } });
    await refresh(tick, on.context);
    expect(on.live('other').status.nodes['node-1']?.state).toBe('Pulling');
  });

  it('are pulled again if added back during their removal, despite the node’s stale image list', async () => {
    const on = await pulled(undefined, 'node-1');
    const job = await editedDown(on);
    const images = [{ names: ['docker.io/library/app:1', 'docker.io/library/base:2'] }];
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status: { ...ordinary, ...ready, images } }));
    on.edit({ cacheSpec: [{ images: ['app:1', 'base:2'] }] });
    await reconcile(changed(aCache), on.context);
    ends(on, job, [removed('base:2')]);
    await purge(tick, on.context);
    expect(on.live().status.removals['node-1']?.state).toBe('Removed');
    await refresh(tick, on.context);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', images: 'pw' });
  });
});
