import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import {
  cachePath,
  aCache,
  aNode,
  changed,
  eventsPath,
  nodeNamed,
  nodePath,
  scene,
  type Scene,
  tick,
} from './scene.ts';
import { noon } from './model/builders.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { recordedLog } from './recorded-log.ts';
import { argsOf, asked, ends, ordinary, pulled, ready, removals, removed, told } from './removal-scene.ts';

const labelled = { cacheSpec: [{ images: ['app:1', 'base:2'], nodeSelector: { tier: 'a' } }] };

/** Another version has written the status, with a ledger that this one cannot read. */
const writeFormat = (on: Scene, format: number | undefined, fields: object = {}): void => {
  const stored = on.api.read(cachePath());
  const status = { ...(stored?.['status'] as object), nodes: { 'node-1': 'r:1' }, format, ...fields };
  on.api.put(cachePath(), { ...stored, status: JSON.parse(JSON.stringify(status)) as object });
};

const putNode = (on: Scene, labels: object, { images = [] as readonly string[], isReady = true } = {}): void => {
  const conditions = isReady ? ready.conditions : [{ type: 'Ready', status: 'False' }];
  const status = { ...ordinary, conditions, images: images.map((image) => ({ names: [image] })) };
  on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels }, status }));
};

const present = ['docker.io/library/app:1', 'docker.io/library/base:2'];

const created = changed(aCache, { verb: 'add' });

/** Removes these images from node-1 by the removal that is due. */
const remove = async (on: Scene, ...images: readonly string[]): Promise<void> => {
  await purge(tick, on.context);
  const [job] = removals(on);
  expect(argsOf(job).filter((arg) => arg.startsWith('--remove='))).toEqual(images.map((image) => `--remove=${image}`));
  ends(
    on,
    job,
    images.map((image) => removed(image)),
  );
  await told(on, job);
  expect(on.live().status.removals['node-1']?.state).toBe('Removed');
};

/** A cache that has pulled to node-1 by its label. */
async function pulledByLabel(): Promise<Scene> {
  const on = scene();
  on.cache(labelled);
  putNode(on, { tier: 'a' }, { images: present });
  await reconcile(created, on.context);
  expect(on.live().status.status).toBe('Succeeded');
  return on;
}

describe('a status of another format', () => {
  it.each([
    [undefined, 'none'],
    [2, '2'],
  ])(
    '%s is discarded with one line in the log, and pulls nothing that the lists of nodes prove',
    async (format, name) => {
      const on = await pulled(undefined, 'node-1');
      const { log, lines } = recordedLog();
      const context = { ...on.context, log };
      putNode(on, {}, { images: present });
      const jobs = on.jobs();
      writeFormat(on, format);
      for (const handle of [purge, refresh, reconcile, purge, refresh, reconcile]) await handle(tick, context);
      expect(on.jobs()).toEqual(jobs);
      expect(on.live()).toMatchObject({
        discardedFormat: undefined,
        status: {
          status: 'Succeeded',
          reason: 'ImageCacheCreate',
          round: { number: 2 },
          nodes: { 'node-1': { state: 'Ready' } },
        },
      });
      expect(lines().filter(({ msg }) => msg === 'status discarded')).toEqual([
        expect.objectContaining({ cache: 'apps/web', format: name }),
      ]);
    },
  );

  it('pulls what a list of images does not prove', async () => {
    const on = await pulled(undefined, 'node-1');
    writeFormat(on, undefined);
    await reconcile(created, on.context);
    expect(on.live().status.nodes['node-1']?.state).toBe('Pulling');
    expect(on.jobs()).toHaveLength(1);
  });

  it('still removes what an edit took out of the spec before', async () => {
    const on = await pulledByLabel();
    on.edit({ cacheSpec: [{ images: ['app:1'], nodeSelector: { tier: 'a' } }] });
    writeFormat(on, undefined);
    await reconcile(created, on.context);
    await remove(on, 'base:2');
  });

  it('still removes the images of a node that had left the selector', async () => {
    const on = await pulledByLabel();
    putNode(on, {}, { isReady: false });
    await reconcile(changed(aNode('node-1')), on.context);
    expect(on.live().status.removals['node-1']?.state).toBe('Skipped');
    writeFormat(on, 2);
    putNode(on, {});
    await reconcile(created, on.context);
    await remove(on, 'app:1', 'base:2');
  });

  it('still removes the images of a node that leaves the selector before it has pulled again', async () => {
    const on = await pulledByLabel();
    writeFormat(on, 2);
    putNode(on, { tier: 'a' }, { isReady: false });
    await reconcile(created, on.context);
    expect(on.live().status.nodes['node-1']?.state).toBe('Skipped');
    putNode(on, {});
    await reconcile(changed(aNode('node-1')), on.context);
    await remove(on, 'app:1', 'base:2');
  });

  it('continues a purge, and stays empty after it', async () => {
    const on = await pulledByLabel();
    on.annotate(asked);
    putNode(on, { tier: 'a' }, { isReady: false });
    await purge(changed(aCache), on.context);
    writeFormat(on, 2);
    putNode(on, { tier: 'a' });
    await reconcile(created, on.context);
    await remove(on, 'app:1', 'base:2');
    writeFormat(on, undefined);
    for (const handle of [reconcile, purge, refresh]) await handle(tick, on.context);
    expect(on.jobs()).toEqual([]);
    expect(on.live()).toMatchObject({ discardedFormat: undefined, status: { reason: 'ImageCachePurge', nodes: {} } });
  });

  it('says nothing about removals if these parts cannot be read either', async () => {
    const on = await pulledByLabel();
    writeFormat(on, 2, { placements: 'x', removals: 'x', round: 'x', imagesFrom: null });
    await reconcile(created, on.context);
    expect(on.live().status).toMatchObject({
      status: 'Succeeded',
      round: { number: 1 },
      placements: [{ sinceGeneration: 1 }],
    });
  });
});

describe('a status of which the CRD of kube-fledged, applied again for a time, has left what it knows', () => {
  const since = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
  const ours = {
    ...{ manager: 'imagecache-functions.kube-fledged', operation: 'Update', subresource: 'status' },
    time: since(0),
  };
  const theirs = {
    ...{ manager: 'kubefledged-controller', operation: 'Update', time: since(60) },
    fieldsV1: { 'f:status': { 'f:status': {} } },
  };

  const prune = (on: Scene, requested: object = {}, managedFields: readonly object[] = [ours]): void => {
    const stored = on.api.read(cachePath());
    const known = ['status', 'reason', 'message', 'failures', 'startTime', 'completionTime'];
    const status = Object.entries(stored?.['status'] ?? {}).filter(([field]) => known.includes(field));
    const metadata = { ...stored?.metadata, annotations: requested, managedFields };
    on.api.put(cachePath(), { ...stored, metadata, status: Object.fromEntries(status) });
  };
  const served = async (on: Scene): Promise<void> => {
    for (const handle of [reconcile, refresh, purge, reconcile]) await handle(created, on.context);
    for (const handle of [reconcile, refresh, purge]) await handle(tick, on.context);
  };
  const eventsOf = (on: Scene) => on.api.list(eventsPath).map(({ reason }) => reason);

  it('loses no purge that is requested meanwhile', async () => {
    const on = await pulledByLabel();
    prune(on, asked);
    await served(on);
    expect(on.live().status).toMatchObject({ status: 'Processing', reason: 'ImageCachePurge' });
    await remove(on, 'app:1', 'base:2');
    expect(on.live()).toMatchObject({ annotations: {}, status: { status: 'Succeeded', reason: 'ImageCachePurge' } });
    expect(eventsOf(on)).not.toContain('StaleTriggerIgnored');
  });

  it('loses no refresh that is requested meanwhile, also of a purged cache', async () => {
    const on = await pulledByLabel();
    prune(on, { [annotations.refresh]: '' });
    await served(on);
    expect(on.live()).toMatchObject({ annotations: {}, status: { reason: 'ImageCacheRefresh', round: { number: 1 } } });
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    await remove(on, 'app:1', 'base:2');
    prune(on, { [annotations.refresh]: '' });
    await served(on);
    expect(on.live().status.reason).toBe('ImageCacheRefresh');
    expect(eventsOf(on)).not.toContain('StaleTriggerIgnored');
  });

  it('does not say of images that were added meanwhile that nodes have them', async () => {
    const on = await pulledByLabel();
    prune(on);
    on.edit({ cacheSpec: [{ images: ['app:1', 'new:3'], nodeSelector: { tier: 'a' } }] });
    await reconcile(created, on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', nodes: { 'node-1': { state: 'Pulling' } } });
  });

  it('pulls nothing that the lists of nodes prove, stays purged, and says once what is lost', async () => {
    const on = await pulledByLabel();
    prune(on);
    await served(on);
    expect([on.live().status.status, on.jobs()]).toEqual(['Succeeded', []]);
    expect(eventsOf(on).filter((reason) => reason === 'FieldsPruned')).toHaveLength(1);
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    await remove(on, 'app:1', 'base:2');
    prune(on);
    await served(on);
    expect([on.live().status.reason, on.live().status.nodes, on.jobs()]).toEqual(['ImageCachePurge', {}, []]);
  });

  it('is not purged by a token, which may have been handled before', async () => {
    const on = await pulledByLabel();
    prune(on, { [annotations.purgeRequestedAt]: 'a', [annotations.refresh]: '' });
    await served(on);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh' });
    expect(removals(on)).toEqual([]);
  });

  it('is adopted like any other if kube-fledged has written it since', async () => {
    const on = await pulledByLabel();
    putNode(on, { tier: 'a' });
    prune(on, asked, [ours, theirs]);
    await served(on);
    expect(on.live()).toMatchObject({ annotations: {}, status: { status: 'Succeeded', round: { number: 0 } } });
    expect([on.jobs(), eventsOf(on)]).toEqual([[], expect.arrayContaining(['StaleTriggerIgnored'])]);
  });

  it('keeps its finalizer until the status is written again, as any other write would drop the spec', async () => {
    const cacheSpec = [{ images: ['app:1', 'base:2'] }];
    const on = await pulled({ cacheSpec, deletionPolicy: 'Purge' }, 'node-1');
    await purge(created, on.context);
    expect(on.live().finalizers).toEqual(['kubefledged.io/purge']);
    prune(on);
    on.edit({ cacheSpec });
    on.api.refuse(/\/status$/, refusal(404, 'NotFound', 'no such path'), 10);
    on.api.newCalls();
    for (const handle of [purge, reconcile]) await handle(created, on.context).catch(() => undefined);
    expect([on.live().finalizers, on.api.newCalls().filter((call) => /^PATCH .*\/web$/.test(call))]).toEqual([
      ['kubefledged.io/purge'],
      [],
    ]);
  });

  it('waits while the cache is suspended', async () => {
    const on = await pulledByLabel();
    prune(on, asked);
    on.edit({ ...labelled, suspend: true });
    await served(on);
    expect([on.jobs(), removals(on), on.live().annotations]).toEqual([[], [], asked]);
    on.edit(labelled);
    await served(on);
    expect(removals(on)).toHaveLength(1);
  });
});
