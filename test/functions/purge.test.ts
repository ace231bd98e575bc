import { describe, expect, it } from 'vitest';
import { RetryLater } from '#runtime/errors.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { noon, settings } from './model/builders.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import {
  aCache,
  aJob,
  aNode,
  cachePath,
  changed,
  completed,
  missing,
  podsPath,
  eventsPath,
  nodeNamed,
  nodePath,
  scene,
  type Scene,
  tick,
} from './scene.ts';
import {
  asked,
  removalsPath,
  removalPodsPath,
  type RemovalJob,
  removals,
  argsOf,
  orderOf,
  ends,
  otherChanged,
  removed,
  told,
  pulled,
  editedDown,
  ordinary,
  ready,
  odd,
} from './removal-scene.ts';

/** Every attempt to pull the first image of each Job fails. */
async function failPulls(on: Scene): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1)
    for (const job of on.jobs()) {
      on.pod(job, missing(0));
      await jobComplete(changed(aJob(job)), on.context);
      on.api.remove(`${podsPath}/${job}-abcde`);
    }
}

describe('purge, on request,', () => {
  it.each([
    ['set again before that is recorded, opens one more', 1, 2],
    ['not removed yet, is only removed', -1, 1],
  ])('whose process dies after the round, with the annotation %s', async (_, secondsAfter, rounds) => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    on.api.refuse(/^PATCH .*\/web$/, refusal(500, 'InternalError', 'killed'));
    await expect(told(on, job)).rejects.toThrow('killed');
    const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
    const stored = on.api.read(cachePath());
    const managedFields = [
      { manager: 'imagecache-functions.kube-fledged', operation: 'Update', subresource: 'status', time: at(0) },
      {
        ...{ manager: 'kubectl-annotate', operation: 'Update', time: at(secondsAfter) },
        fieldsV1: { 'f:metadata': { 'f:annotations': { 'f:kubefledged.io/purge-imagecache': {} } } },
      },
    ];
    on.api.put(cachePath(), { ...stored, metadata: { ...stored?.metadata, managedFields } });
    const { round } = on.live().status;
    expect(round?.requestedBy).toEqual({ annotation: 'kubefledged.io/purge-imagecache', value: '' });
    await purge(changed(aCache), on.context);
    expect([on.live().status.round?.number, on.live().status.round?.operation]).toEqual([rounds + 1, 'Purge']);
    expect(on.live().annotations).toEqual({});
  });

  it('counts an annotation that is added again during the purge as the same request', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    // After its result is recorded, and before the round ends.
    on.api.refuse(/^GET .*\/nodes/, () => {
      on.wait(5000);
      on.annotate({});
      on.annotate(asked);
    });
    await told(on, job);
    await purge(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { operation: 'Purge', number: 2 } });
    expect(on.live().annotations).toEqual({});
  });

  it('creates a removal Job per node in its own namespace, and ends the round with their results', async () => {
    const on = await pulled(undefined, 'node-1', 'node-2');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', reason: 'ImageCachePurge', nodes: {} });
    expect(removals(on).map(orderOf)).toEqual([
      ['--remove=app:1', '--remove=base:2'],
      ['--remove=app:1', '--remove=base:2'],
    ]);
    const [first, second] = removals(on);
    ends(on, first, [removed('app:1'), { outcome: 'absent', image: 'base:2' }]);
    await told(on, first);
    expect(on.live().status.status).toBe('Processing');
    ends(on, second, [removed('app:1'), { outcome: 'spared', image: 'base:2', reason: 'InUse', by: 'apps/web/app' }]);
    await told(on, second);
    const { status } = on.live();
    expect(status).toMatchObject({
      status: 'Succeeded',
      message:
        'All cached images succesfully deleted from respective nodes, except for 1 on 1 node that are used by Pods or needed by other caches. Please see "removals" section',
      placements: [],
    });
    expect(status.nextRefreshTime).toBeUndefined();
    expect(Object.values(status.removals)).toMatchObject([
      { state: 'Removed', removed: 1, absent: 1, spared: 0, freedBytes: 1000 },
      {
        state: 'Removed',
        removed: 1,
        spared: 1,
        sparedImages: [{ image: 'base:2', reason: 'InUse', by: 'apps/web/app' }],
      },
    ]);
    expect(on.api.read(cachePath())?.metadata.annotations).toEqual({});
    expect(on.api.list(eventsPath).map((event) => [event['reason'], event['message']])).toContainEqual([
      'ImagesRemoved',
      'Removed 2 images (2.0 kB) from 2 nodes; spared 1 image: base:2 on node-2 (InUse, apps/web/app)',
    ]);
    expect(removals(on)).toHaveLength(2);
  });

  it.each([
    [
      'another function removes the annotation first',
      (on: Scene) => {
        on.annotate({});
      },
    ],
    [
      'the process ends before it records them',
      () => {
        throw new Error('the process ends');
      },
    ],
  ])('records its Events although %s', async (_, instead) => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    on.api.refuse(/^PATCH .*imagecaches\/web$/, () => {
      instead(on);
    });
    await told(on, job).catch(() => undefined);
    await refresh(tick, on.context);
    await refresh(tick, on.context);
    expect(
      on.api
        .list(eventsPath)
        .map(({ reason }) => String(reason))
        .toSorted(),
    ).toEqual(['ImageCacheCreate', 'ImageCachePurge', 'ImagesRemoved']);
  });

  it('orders no image that the node failed to pull: if it is there, others brought it', async () => {
    const on = await pulled(undefined, 'node-1', 'node-2');
    on.edit({ cacheSpec: [{ images: ['private:1'] }] });
    await reconcile(changed(aCache), on.context);
    await failPulls(on);
    expect(on.live().status.status).toBe('Failed');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    await purge(tick, on.context);
    const orders = removals(on).map(orderOf);
    expect(orders).toEqual([
      ['--remove=app:1', '--remove=base:2'],
      ['--remove=app:1', '--remove=base:2'],
    ]);
  });

  it('orders an image that the node pulled in an earlier round, although the next one failed to pull it again', async () => {
    const on = await pulled({ cacheSpec: [{ images: ['app:latest'] }] }, 'node-1');
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    await refresh(changed(aCache), on.context);
    await failPulls(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Failed', hadImages: 'p' });
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(removals(on).map(orderOf)).toEqual([['--remove=app:latest']]);
  });

  it('orders none of the images that our own Pods run, and keeps them under all their names', async () => {
    const { noopImage, removalImage } = settings();
    const images = ['app:1', noopImage, removalImage];
    const on = await pulled({ cacheSpec: [{ images }] }, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const args = argsOf(removals(on)[0]);
    expect(args.filter((arg) => arg.startsWith('--remove='))).toEqual(['--remove=app:1']);
    expect(args).toEqual(expect.arrayContaining([`--keep=${noopImage}`, `--keep=${removalImage}`]));
  });

  it('keeps images that another cache needs on the node, unless it is being purged too', async () => {
    const on = await pulled(undefined, 'node-1');
    on.cache({ cacheSpec: [{ images: ['base:2', 'own:1'] }] }, 'other');
    await reconcile(otherChanged, on.context);
    on.cache({ cacheSpec: [{ images: ['app:1'] }] }, 'third');
    const third = on.api.read(cachePath('third'));
    const round = { number: 1, operation: 'Purge', generation: 1, trigger: 'Annotation' };
    on.api.put(cachePath('third'), {
      ...third,
      status: { format: 1, status: 'Succeeded', observedGeneration: 1, round },
    });
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2', '--keep=base:2', '--keep=own:1']);
  });

  it('waits for another cache that has not yet observed its spec, and then spares only what its latest spec needs', async () => {
    const on = await pulled(undefined, 'node-1');
    on.cache({ cacheSpec: [{ images: ['base:2'] }] }, 'other');
    on.annotate(asked);
    const purging = purge(changed(aCache), on.context);
    await expect.poll(() => on.live().status.status).toBe('Processing');
    expect(removals(on)).toEqual([]);
    on.cache({ cacheSpec: [{ images: ['own:1'] }] }, 'other');
    await reconcile(otherChanged, on.context);
    await purging;
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2', '--keep=own:1']);
  });

  it('keeps the images of a suspended cache, and does not wait for it', async () => {
    const on = await pulled(undefined, 'node-1');
    on.cache({ suspend: true, cacheSpec: [{ images: ['base:2'] }] }, 'other');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2', '--keep=base:2']);
  });

  it("keeps nothing for a cache that will be purged too, so that purges at the same time do not spare each other's images", async () => {
    const on = await pulled(undefined, 'node-1');
    on.cache({ cacheSpec: [{ images: ['base:2', 'own:1'] }] }, 'other');
    const other = on.api.read(cachePath('other'));
    on.api.put(cachePath('other'), {
      ...other,
      metadata: { ...other?.metadata, annotations: asked },
      status: { format: 1, status: 'Succeeded', observedGeneration: 1 },
    });
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2']);
  });

  it.each([
    { when: 'it exists there', account: 'puller', hasAccount: true, isForbidden: false },
    { when: 'it exists only in the namespace of the cache', account: undefined, hasAccount: false, isForbidden: false },
    { when: 'service accounts cannot be read', account: 'puller', hasAccount: false, isForbidden: true },
  ])('runs removal Pods as $account with --service-account-name=puller if $when', async (row) => {
    const on = await pulled(undefined, 'n1');
    const path = '/api/v1/namespaces/kube-fledged/serviceaccounts/puller';
    if (row.hasAccount) on.api.put(path, { metadata: { name: 'puller', namespace: 'kube-fledged' } });
    if (row.isForbidden) on.api.refuse(/serviceaccounts/, refusal(403, 'Forbidden', 'serviceaccounts is forbidden'));
    on.annotate(asked);
    const settings = { ...on.context.settings, serviceAccountName: 'puller' };
    await purge(changed(aCache), { ...on.context, settings });
    const accounts = removals(on).map(({ spec }) => spec.template.spec.serviceAccountName);
    expect(accounts).toEqual([row.account]);
  });

  it('first deletes its own pull Jobs, and waits until their Pods are deleted', async () => {
    const on = scene();
    on.cache();
    on.nodes('node-1');
    await reconcile(changed(aCache), on.context);
    const [job = ''] = on.jobs();
    const pod = on.pod(job, { phase: 'Running' });
    on.api.put(`/api/v1/namespaces/apps/pods/${pod}`, {
      metadata: { ...on.api.read(`/api/v1/namespaces/apps/pods/${pod}`)?.metadata, ownerReferences: [] },
      status: { phase: 'Running' },
    });
    on.annotate(asked);
    const purging = purge(changed(aCache), on.context);
    await expect.poll(() => on.jobs()).toEqual([]);
    expect(removals(on)).toEqual([]);
    on.api.remove(`/api/v1/namespaces/apps/pods/${pod}`);
    await purging;
    expect(removals(on)).toHaveLength(1);
  });

  it('reports the runtime’s error and kube-fledged’s reason when an image can not be removed, after three attempts', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const names = new Set<string>();
    for (let turn = 0; turn < 3; turn += 1) {
      const job = removals(on).find(({ metadata }) => !names.has(metadata.name));
      names.add(job?.metadata.name ?? '');
      ends(on, job, [removed('app:1'), { outcome: 'failed', image: 'base:2', message: 'device busy' }]);
      await told(on, job);
    }
    expect(names.size).toBe(3);
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      message: 'Image deletion failed for some images. Please see "failures" section',
      failures: { 'base:2': [{ node: 'node-1', reason: 'RemovalFailed', message: 'device busy' }] },
      removals: { 'node-1': { state: 'Failed', freedBytes: 3000 } },
    });
    expect(on.live().status.placements).toHaveLength(1);
  });

  it('removes all images, although requested while those of an edit were being removed', async () => {
    const on = await pulled(undefined, 'node-1');
    const first = await editedDown(on);
    expect(orderOf(first)).toContain('--remove=base:2');
    ends(on, first, [removed('base:2')]);
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(on.live().status.status).toBe('Processing');
    expect(removals(on).map(orderOf)).toContainEqual(expect.arrayContaining(['--remove=app:1']));
  });

  it('removes all images if it started before that removal ended, and observes only its end', async () => {
    const on = await pulled(undefined, 'node-1');
    const first = await editedDown(on);
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    ends(on, first, [removed('base:2')]);
    await told(on, first);
    expect(on.live().status.status).toBe('Processing');
    expect(removals(on).map(orderOf)).toContainEqual(expect.arrayContaining(['--remove=app:1']));
  });

  it('recreates a deleted Job, and one whose Pod reported nothing', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [first] = removals(on);
    on.api.remove(`${removalsPath}/${first?.metadata.name ?? ''}`);
    await told(on, first);
    const [second] = removals(on);
    expect(second?.metadata.name).not.toBe(first?.metadata.name);
    ends(on, second, '');
    await told(on, second);
    expect(on.live().status.removals['node-1']).toMatchObject({ state: 'Removing', attempt: 3 });
  });

  it('ends with Failed if the runtime’s socket is unknown, and reports the setting to change', async () => {
    const on = await pulled(undefined, 'node-1');
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status: { ...odd } }));
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const { status } = on.live();
    expect(status).toMatchObject({
      status: 'Failed',
      failures: { 'app:1': [{ node: 'node-1', reason: 'UnknownRuntime' }], 'base:2': [{ node: 'node-1' }] },
      removals: { 'node-1': { reason: 'UnknownRuntime' } },
    });
    expect(status.failures['app:1']?.[0]?.message).toContain('CRI_SOCKET_PATH');
    expect(status.removals['node-1']?.message).toContain('CRI_SOCKET_PATH');
  });

  it('reports in the status that the namespace refuses the Job, and continues when it no longer does', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    on.api.refuse(/POST .*kube-fledged\/jobs/, refusal(403, 'Forbidden', 'violates PodSecurity "restricted"'), 9);
    await expect(purge(changed(aCache), on.context)).rejects.toThrow(RetryLater);
    expect(on.live().status.message).toContain('violates PodSecurity');
    on.api.acceptAll();
    await purge(changed(aCache), on.context);
    expect(removals(on)).toHaveLength(1);
  });

  it('skips a node that is not ready, and resumes when it is ready again', async () => {
    const on = await pulled(undefined, 'node-1');
    const away = { status: { ...ordinary, conditions: [{ type: 'Ready', status: 'False' }] } };
    on.api.put(nodePath('node-1'), nodeNamed('node-1', away));
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const causes = [{ node: 'node-1', reason: 'NotReady', message: 'Check if node is ready' }];
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      message: 'Image deletion failed for some images. Please see "failures" section',
      failures: { 'app:1': causes, 'base:2': causes },
      removals: { 'node-1': { state: 'Skipped', reason: 'NotReady' } },
    });
    expect(on.api.list(eventsPath).at(-1)).toMatchObject({ type: 'Warning', reason: 'ImageCachePurge' });
    on.nodes('node-1');
    await reconcile(changed(aNode('node-1')), on.context);
    expect(on.live().status).toMatchObject({
      status: 'Processing',
      failures: {},
      removals: { 'node-1': { state: 'Pending' } },
    });
    expect(on.jobs()).toEqual([]);
    await purge(changed(aCache, { isRemoval: true }), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    expect(on.live().status).toMatchObject({
      status: 'Succeeded',
      message: 'All cached images succesfully deleted from respective nodes',
      placements: [],
    });
  });

  it.each([
    ['cordoned', { spec: { unschedulable: true } }, undefined],
    [
      'under DiskPressure',
      { status: { ...ordinary, conditions: [...ready.conditions, { type: 'DiskPressure', status: 'True' }] } },
      'system-node-critical',
    ],
  ])('removes images from a node that is %s, as nothing is pulled there', async (_, of, priorityClassName) => {
    const on = await pulled(undefined, 'node-1');
    on.api.put(nodePath('node-1'), nodeNamed('node-1', of));
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    expect(job?.spec.template.spec).toMatchObject({ tolerations: [{ operator: 'Exists' }] });
    expect(job?.spec.template.spec.priorityClassName).toBe(priorityClassName);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', placements: [] });
  });

  it('says how many images were spared if all were', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    const spared = { outcome: 'spared', reason: 'InUse', by: 'apps/web/app' } as const;
    ends(on, job, [
      { ...spared, image: 'app:1' },
      { ...spared, image: 'base:2' },
    ]);
    await told(on, job);
    expect(on.live().status).toMatchObject({
      status: 'NoImagesPulledOrDeleted',
      message:
        'No images were deleted: 2 on 1 node are used by Pods or needed by other caches. Please see "removals" section',
      removals: { 'node-1': { spared: 2, sparedImages: [{ image: 'app:1' }, { image: 'base:2' }] } },
    });
  });

  it('ends purged if a refresh is requested with it, and serves one that is requested during it', async () => {
    const on = await pulled(undefined, 'node-1');
    const refreshed = { 'kubefledged.io/refresh-imagecache': '', 'kubefledged.io/refresh-requested-at': '1' };
    on.annotate({ ...asked, ...refreshed });
    await refresh(changed(aCache), on.context);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    await refresh(tick, on.context);
    expect(on.live()).toMatchObject({
      annotations: { 'kubefledged.io/refresh-requested-at': '1' },
      status: { status: 'Succeeded', reason: 'ImageCachePurge', round: { number: 2 } },
    });
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    await refresh(tick, on.context);
    for (const pull of on.jobs()) on.pod(pull, completed(0, 1));
    await refresh(tick, on.context);
    for (const pull of on.jobs()) on.api.remove(`${podsPath}/${pull}-abcde`);
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    on.annotate({ ...asked, ...refreshed });
    const next = removals(on).find(({ metadata }) => metadata.name !== job?.metadata.name);
    ends(on, next, [removed('app:1'), removed('base:2')]);
    await told(on, next);
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ reason: 'ImageCacheRefresh', round: { number: 5 } });
  });

  it('is requested again if a suspension cuts it off', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    on.edit({ cacheSpec: [{ images: ['app:1', 'base:2'] }], suspend: true });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status.status).toBe('Aborted');
    on.edit({ cacheSpec: [{ images: ['app:1', 'base:2'] }] });
    await reconcile(changed(aCache), on.context);
    await purge(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', reason: 'ImageCachePurge', round: { number: 3 } });
    expect(on.jobs()).toEqual([]);
  });

  it('keeps a Job that has reported, even if its Pod has not ended, for pulls on that node to observe', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    const path = `${removalPodsPath}/${job?.metadata.name ?? ''}-abcde`;
    const pod = on.api.read(path);
    on.api.put(path, { ...pod, status: { ...(pod?.['status'] as object), phase: 'Running' } });
    await told(on, job);
    expect(on.live().status.status).toBe('Succeeded');
    expect(removals(on)).toHaveLength(1);
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    await refresh(changed(aCache), on.context);
    expect(on.live().status.nodes['node-1']?.state).toBe('Pulling');
  });

  const withJob = (job: RemovalJob | undefined) =>
    changed(aCache, { isRemoval: true, more: [{ ...aJob(job?.metadata.name ?? ''), namespace: 'kube-fledged' }] });

  it('records the result of a Job whose event names the cache', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await purge(withJob(job), on.context);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it.each([
    { when: 'its event names the cache', notice: withJob },
    { when: 'no event was delivered, at the tick', notice: () => tick },
  ])('deletes a running Job that no round needs any more, if $when', async ({ notice }) => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    on.api.put(
      nodePath('node-1'),
      nodeNamed('node-1', { status: { ...ordinary, conditions: [{ type: 'Ready', status: 'False' }] } }),
    );
    await reconcile(changed(aNode('node-1')), on.context);
    expect(on.live().status.removals['node-1']?.state).toBe('Skipped');
    expect(removals(on)).toEqual([job]);
    await purge(notice(job), on.context);
    expect(removals(on)).toEqual([]);
  });

  it('removes images from a node that left the selector without an event', async () => {
    const labelled = (labels: object) => nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels } });
    const on = scene();
    on.cache({ cacheSpec: [{ images: ['app:1', 'base:2'], nodeSelector: { tier: 'a' } }] });
    on.api.put(nodePath('node-1'), labelled({ tier: 'a' }));
    await reconcile(changed(aCache), on.context);
    on.api.put(nodePath('node-1'), labelled({}));
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2']);
  });

  it('is resumed by the tick alone', async () => {
    const on = await pulled(undefined, 'node-1');
    on.annotate(asked);
    await purge(tick, on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await purge(tick, on.context);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it('reads only the cache, and does nothing, if there is nothing to remove', async () => {
    const on = await pulled(undefined, 'node-1');
    await purge(changed(aCache), on.context);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`]);
  });
});
