import { describe, expect, it } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, cachePath, changed, nodeNamed, nodePath, tick, type Scene } from './scene.ts';
import { ends, pulled, ready, ordinary, removals, removalsPath, removed, told } from './removal-scene.ts';

const spec = { cacheSpec: [{ images: ['app:1', 'base:2'] }], jobRetentionPolicy: 'Retain' };

const names = (on: Scene): readonly string[] => removals(on).map(({ metadata }) => metadata.name);

/** Purges the cache, and lets the Job controller report the end of the removal. */
async function purged(on: Scene, token: string): Promise<string> {
  const before = new Set(names(on));
  on.annotate({ 'kubefledged.io/purge-requested-at': token });
  await purge(changed(aCache), on.context);
  const job = removals(on).find(({ metadata }) => !before.has(metadata.name));
  ends(on, job, [removed('app:1'), removed('base:2')]);
  await told(on, job);
  const path = `${removalsPath}/${job?.metadata.name ?? ''}`;
  const lastTransitionTime = new Date(on.context.now()).toISOString();
  const conditions = [{ type: 'Complete', status: 'True', lastTransitionTime }];
  on.api.put(path, {
    ...on.api.read(path),
    metadata: { name: '', ...on.api.read(path)?.metadata },
    status: { conditions },
  });
  return job?.metadata.name ?? '';
}

describe('a removal Job whose cache retains Jobs', () => {
  it('stays until a newer one has ended on its node', async () => {
    const on = await pulled(spec, 'node-1');
    const first = await purged(on, '1');
    on.wait(86_400_000);
    await purge(tick, on.context);
    expect(names(on)).toEqual([first]);
    on.edit({ ...spec, cacheSpec: [{ images: ['app:1', 'base:3'] }] });
    await reconcile(changed(aCache), on.context);
    const second = await purged(on, '2');
    await purge(tick, on.context);
    expect(names(on)).toEqual([second]);
  });

  it('goes once its cache is deleted, or retains no more', async () => {
    const on = await pulled(spec, 'node-1');
    await purged(on, '1');
    on.wait(86_400_000);
    const stored = on.api.read(cachePath());
    on.edit({ ...spec, jobRetentionPolicy: 'Delete' });
    await purge(tick, on.context);
    expect(names(on)).toEqual([]);
    on.api.put(cachePath(), { ...stored, metadata: { name: 'web', ...stored?.metadata } });
    on.edit({ ...spec, cacheSpec: [{ images: ['app:1', 'base:3'] }] });
    await reconcile(changed(aCache), on.context);
    await purged(on, '2');
    on.api.remove(cachePath());
    await purge(tick, on.context);
    expect(names(on)).toHaveLength(1);
    on.wait(300_000);
    await purge(tick, on.context);
    expect(names(on)).toEqual([]);
  });

  it('does not cast doubt for long on what its node lists', async () => {
    const on = await pulled(spec, 'node-1');
    await purged(on, '1');
    const images = [{ names: ['docker.io/library/app:1'] }, { names: ['docker.io/library/base:2'] }];
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status: { ...ordinary, ...ready, images } }));
    on.wait(150_000);
    on.edit({ ...spec, suspend: false, cacheSpec: [{ images: ['app:1'] }] });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Ready' });
  });
});
