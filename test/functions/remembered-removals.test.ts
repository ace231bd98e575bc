import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import {
  aCache,
  aJob,
  aNode,
  changed,
  completed,
  nodeNamed,
  nodePath,
  podsPath,
  scene,
  tick,
  type Scene,
} from './scene.ts';
import { asked, editedDown, ends, orderOf, pulled, removals, removalsPath, removed, told } from './removal-scene.ts';

const both = { images: ['app:1', 'base:2'], nodeSelector: { tier: 'a' } };

const label = async (on: Scene, labels: object): Promise<void> => {
  on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels } }));
  await reconcile(changed(aNode('node-1')), on.context);
};

const pull = async (on: Scene): Promise<void> => {
  for (const job of on.jobs()) {
    on.pod(job, completed(0, 1));
    await jobComplete(changed(aJob(job)), on.context);
    on.api.remove(`/api/v1/namespaces/apps/pods/${job}-abcde`);
  }
};

/** A cache whose images are on node-1, which it selects by its label. */
const labelled = async (spec: object = { cacheSpec: [both] }): Promise<Scene> => {
  const on = scene();
  on.cache(spec);
  await label(on, { tier: 'a' });
  await reconcile(changed(aCache), on.context);
  await pull(on);
  expect(on.live().status).toMatchObject({ status: 'Succeeded', nodes: { 'node-1': { state: 'Ready' } } });
  return on;
};

/** Starts the removal that is pending, and plays its Job. */
const remove = async (on: Scene, ...images: readonly string[]): Promise<void> => {
  const before = new Set(removals(on).map(({ metadata }) => metadata.name));
  await purge(changed(aCache, { isRemoval: true }), on.context);
  const job = removals(on).find(({ metadata }) => !before.has(metadata.name));
  expect(orderOf(job).filter((arg) => arg.startsWith('--remove='))).toEqual(images.map((image) => `--remove=${image}`));
  ends(
    on,
    job,
    images.map((image) => removed(image)),
  );
  await told(on, job);
  expect(on.live().status.removals['node-1']?.state).toBe('Removed');
};

describe('images of a node that leaves a selector', () => {
  it('are removed each time that it leaves', async () => {
    const on = await labelled();
    await label(on, {});
    await remove(on, 'app:1', 'base:2');
    await label(on, { tier: 'a' });
    await pull(on);
    expect(on.live().status.nodes['node-1']?.state).toBe('Ready');
    await label(on, {});
    await remove(on, 'app:1', 'base:2');
  });

  it.each([
    ['pull secrets', { cacheSpec: [both], imagePullSecrets: [{ name: 'new' }] }],
    ['pull policy', { cacheSpec: [both], imagePullPolicy: 'Always' }],
    ['lists', { cacheSpec: [{ images: ['other:1'], nodeSelector: { tier: 'b' } }], imagePullPolicy: 'Always' }],
  ])('are removed although its %s are edited before the next reconcile', async (_, spec) => {
    const on = await labelled();
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels: {} } }));
    on.edit(spec);
    await reconcile(changed(aCache), on.context);
    await remove(on, 'app:1', 'base:2');
  });

  it('are removed although the operator’s pull policy changes at the same time', async () => {
    const on = await labelled();
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels: {} } }));
    const settings = { ...on.context.settings, imagePullPolicy: 'Always' as const };
    await reconcile(changed(aCache, { verb: 'add' }), { ...on.context, settings });
    await remove(on, 'app:1', 'base:2');
  });

  it('are removed if the node still waited to pull those of an edit', async () => {
    const on = await labelled();
    const status = { conditions: [{ type: 'Ready', status: 'False' }] };
    const metadata = { name: 'node-1', uid: 'u1', labels: { tier: 'a' } };
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata, status }));
    on.edit({ cacheSpec: [{ ...both, images: [...both.images, 'tool:3'] }] });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status.nodes['node-1']?.state).toBe('Skipped');
    await label(on, {});
    await remove(on, 'app:1', 'base:2'); // tool:3 was never pulled
  });

  it('are removed if it left, came back and left again while nothing could run there', async () => {
    const on = await labelled();
    const away = async (labels: object): Promise<void> => {
      const status = { conditions: [{ type: 'Ready', status: 'False' }] };
      on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'u1', labels }, status }));
      await reconcile(changed(aNode('node-1')), on.context);
    };
    await away({});
    expect(on.live().status.removals['node-1']?.state).toBe('Skipped');
    await away({ tier: 'a' });
    expect(on.live().status.removals).toEqual({});
    await away({});
    await label(on, {});
    await remove(on, 'app:1', 'base:2');
  });

  it('are not removed if it never pulled any', async () => {
    const on = scene();
    on.cache({ cacheSpec: [both], suspend: true });
    await label(on, { tier: 'a' });
    await reconcile(changed(aCache), on.context);
    on.edit({ cacheSpec: [both] });
    const status = { conditions: [{ type: 'Ready', status: 'False' }] };
    const metadata = { name: 'node-1', uid: 'u1', labels: { tier: 'a' } };
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata, status }));
    await reconcile(changed(aCache), on.context);
    await label(on, {});
    expect(on.live().status.removals).toEqual({});
  });

  it('are removed although a removal of others was running there', async () => {
    const on = await labelled({ cacheSpec: [{ ...both, images: [...both.images, 'tool:3'] }] });
    on.edit({ cacheSpec: [both] });
    await reconcile(changed(aCache), on.context);
    await pull(on);
    await purge(changed(aCache, { isRemoval: true }), on.context);
    expect(removals(on).map(orderOf)).toEqual([['--remove=tool:3', '--keep=app:1', '--keep=base:2']]);
    await label(on, {});
    await remove(on, 'app:1', 'base:2', 'tool:3');
  });
});

/** A retained pull Job has ended. */
const ended = async (on: Scene, job: string, ...images: readonly number[]): Promise<void> => {
  on.pod(job, { phase: 'Succeeded', ...completed(...images) });
  await jobComplete(changed(aJob(job)), on.context);
  expect(on.live().status.nodes['node-1']?.state).toBe('Ready');
};

describe('images of a node that goes to and fro between lists', () => {
  it('are pulled again each time, although Jobs are retained', async () => {
    const on = scene();
    const other = { images: ['tool:3'] };
    on.cache({ cacheSpec: [both, other], jobRetentionPolicy: 'Retain' });
    await label(on, { tier: 'a' });
    await reconcile(changed(aCache), on.context);
    const [first = ''] = on.jobs();
    await ended(on, first, 0, 1, 2);
    expect(on.jobs()).toEqual([first]);
    await label(on, {});
    for (const job of on.jobs()) if (job !== first) await ended(on, job, 0);
    await remove(on, 'app:1', 'base:2');
    expect(on.jobs()).not.toContain(first);
    on.api.remove(`${podsPath}/${first}-abcde`);
    await label(on, { tier: 'a' });
    await refresh(tick, on.context);
    expect(on.jobs()).toContain(first);
    expect(on.live().status.nodes['node-1']?.state).toBe('Pulling');
  });
});

describe('a removal that failed', () => {
  /** A removal of base:2 whose Job was deleted three times. */
  const failed = async (): Promise<Scene> => {
    const on = await pulled(undefined, 'node-1');
    await editedDown(on);
    for (let turn = 0; turn < 3; turn += 1) {
      const [job] = removals(on);
      on.api.remove(`${removalsPath}/${job?.metadata.name ?? ''}`);
      await told(on, job);
    }
    expect(on.live().status.removals['node-1']).toMatchObject({ state: 'Failed', reason: 'JobLost', attempt: 3 });
    return on;
  };

  it('stays in the status, and is tried again by the tick, ever more rarely', async () => {
    const on = await failed();
    await purge(tick, on.context);
    expect(removals(on)).toEqual([]);
    on.wait(15_000);
    await purge(tick, on.context);
    const [job] = removals(on);
    expect(on.live().status.removals['node-1']).toMatchObject({ state: 'Removing', attempt: 4 });
    ends(on, job, [{ outcome: 'failed', image: 'base:2', message: 'device busy' }]);
    await told(on, job);
    expect(on.live().status.removals['node-1']).toMatchObject({ state: 'Failed', reason: 'RemovalFailed', attempt: 4 });
    on.wait(30_000);
    await purge(tick, on.context);
    expect(removals(on)).toHaveLength(1);
    on.wait(15_000);
    await purge(tick, on.context);
    const again = removals(on).find(({ metadata }) => metadata.name !== job?.metadata.name);
    ends(on, again, [removed('base:2')]);
    await told(on, again);
    expect(on.live().status).toMatchObject({
      removals: { 'node-1': { state: 'Removed' } },
      placements: [{ lists: [0] }],
    });
  });

  it('is tried again at once by the next round', async () => {
    const on = await failed();
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    await refresh(changed(aCache), on.context);
    expect(on.live().status.removals['node-1']).toMatchObject({ state: 'Pending', attempt: 0 });
    await purge(changed(aCache, { isRemoval: true }), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=base:2', '--keep=app:1']);
  });

  it('of a node that left the selector is tried again, too', async () => {
    const on = await labelled();
    await label(on, {});
    for (let turn = 0; turn < 3; turn += 1) {
      await purge(changed(aCache, { isRemoval: true }), on.context);
      const [job] = removals(on);
      on.api.remove(`${removalsPath}/${job?.metadata.name ?? ''}`);
      await told(on, job);
    }
    expect(on.live().status.removals['node-1']?.state).toBe('Failed');
    on.wait(15_000);
    await purge(tick, on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2']);
  });

  it('is tried again by a purge', async () => {
    const on = await failed();
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    expect(orderOf(removals(on)[0])).toEqual(['--remove=app:1', '--remove=base:2']);
  });

  it('waits for those that were not tried yet, and for the end of the purge', async () => {
    const on = await pulled(undefined, 'node-1', 'node-2', 'node-3');
    const oneByOne = { ...on.context, settings: { ...on.context.settings, jobsMaxSurge: 1 } };
    const atWork = (): readonly string[] =>
      Object.entries(on.live().status.removals).flatMap(([name, { state }]) => (state === 'Removing' ? [name] : []));
    on.annotate(asked);
    await purge(changed(aCache), oneByOne);
    const turns = [atWork()];
    const ends: (number | undefined)[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      // No Pod of the removal Job ever starts.
      on.wait(on.context.settings.imagePullDeadline);
      await purge(tick, oneByOne);
      turns.push(atWork());
      ends.push(on.live().status.completionTime);
    }
    expect(turns.flat()).toEqual(['node-1', 'node-2', 'node-3', 'node-1', 'node-2', 'node-3']);
    const [, , end] = ends;
    expect(ends).toEqual([undefined, undefined, end, end, end]);
    expect(end).toBeGreaterThan(0);
    expect(on.live().status.status).toBe('Failed');
  });
});
