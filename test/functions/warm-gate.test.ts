import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import {
  aCache,
  aNode,
  aPod,
  changed,
  completed,
  eventsPath,
  nodeNamed,
  nodePath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

const key = 'example.com/cold';
const other = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
const gated = (of: object = {}) => ({ cacheSpec: [{ images: ['app:1'] }], warmGate: { taintKey: key, ...of } });
const patched = `PATCH ${nodePath('node-1')}`;

const start = (warmGateTaints: readonly string[] = [key]): Scene => {
  const on = scene({ warmGateTaints });
  on.cache(gated());
  return on;
};
const join = (on: Scene, taints: readonly object[] = [{ key, effect: 'NoSchedule' }]): void => {
  on.api.put(nodePath('node-1'), { ...nodeNamed('node-1'), spec: { taints } });
};
const taintsOf = (on: Scene): unknown => on.api.read(nodePath('node-1'))?.['spec'];
const labelsOf = (on: Scene): unknown => on.api.read(nodePath('node-1'))?.metadata.labels;
const isWarm = { 'kubefledged.io/warm': 'true' };
const reasons = (on: Scene): readonly unknown[] => on.api.list(eventsPath).map(({ reason }) => reason);

/** The images of a cache's Job have come. */
const pull = async (on: Scene, job = on.jobs()[0] ?? ''): Promise<void> => {
  await jobComplete(changed(aPod(on.pod(job, completed(0)))), on.context);
};

describe('a node with a startup taint', () => {
  it('keeps it while images are pulled, and loses only this taint with the event of the last pull', async () => {
    const on = start();
    join(on, [other, { key, effect: 'NoSchedule' }]);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    expect(taintsOf(on)).toEqual({ taints: [other, { key, effect: 'NoSchedule' }] });
    await pull(on);
    expect(taintsOf(on)).toEqual({ taints: [other] });
    expect(labelsOf(on)).toEqual(isWarm);
    on.api.newCalls();
    await refresh(tick, on.context);
    expect(on.api.newCalls()).not.toContain(patched);
  });

  it('keeps it until every cache of the taint is ready', async () => {
    const on = start();
    on.cache(gated(), 'second');
    join(on);
    const second = { ...aCache, name: 'second' };
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    await reconcile({ ...changed(second, { verb: 'add' }), cache: { namespace: 'apps', name: 'second' } }, on.context);
    const [mine = '', theirs = ''] = on.jobs().toSorted((a) => (a.startsWith('web') ? -1 : 1));
    await pull(on, mine);
    expect(labelsOf(on)).toEqual({});
    await jobComplete(
      { ...changed(aPod(on.pod(theirs, completed(0)))), cache: { namespace: 'apps', name: 'second' } },
      on.context,
    );
    expect(labelsOf(on)).toEqual(isWarm);
  });

  it('loses it at once if its image list has the images, or no cache selects it', async () => {
    const on = start();
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    join(on);
    const before = on.api.read(nodePath('node-1'));
    const { status } = nodeNamed('node-1') as { status: object };
    on.api.put(nodePath('node-1'), {
      ...before,
      status: { ...status, images: [{ names: ['docker.io/library/app:1'] }] },
    });
    await reconcile(changed(aNode('node-1'), { verb: 'add' }), on.context);
    expect(labelsOf(on)).toEqual(isWarm);

    on.edit({ ...gated(), cacheSpec: [{ images: ['app:1'], nodeSelector: { pool: 'other' } }] });
    join(on);
    await reconcile(changed(aNode('node-1')), on.context);
    expect(taintsOf(on)).toEqual({ taints: [] });
    expect(labelsOf(on)).toEqual({});
  });

  it('loses it at the tick after its timeout, with an Event and without the label', async () => {
    const on = start();
    join(on);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.wait(599_000);
    await refresh(tick, on.context);
    expect(on.api.bodies('PATCH', nodePath('node-1'))).toEqual([]);
    on.wait(1_000);
    await refresh(tick, on.context);
    expect(taintsOf(on)).toEqual({ taints: [] });
    expect(labelsOf(on)).toEqual({});
    expect(reasons(on)).toEqual(['ImageCacheCreate', 'WarmGateTimeout']);
  });

  it('loses it at the tick when its cache is deleted', async () => {
    const on = start();
    join(on);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.api.remove('/apis/kubefledged.io/v1alpha2/namespaces/apps/imagecaches/web');
    await refresh(tick, on.context);
    expect(taintsOf(on)).toEqual({ taints: [] });
  });

  it('is read again if its taints were changed concurrently', async () => {
    const on = start();
    join(on);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.api.refuse(new RegExp(patched), () => {
      join(on, [other, { key, effect: 'NoSchedule' }]);
    });
    await pull(on);
    expect(taintsOf(on)).toEqual({ taints: [other] });
    expect(on.api.bodies('PATCH', nodePath('node-1'))).toHaveLength(2);
  });

  it('is not patched if it was recreated under the same name', async () => {
    const on = start();
    join(on);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.api.refuse(new RegExp(patched), () => {
      const again = { ...nodeNamed('node-1'), metadata: { name: 'node-1', uid: 'another', labels: {} } };
      on.api.put(nodePath('node-1'), { ...again, spec: { taints: [{ key, effect: 'NoSchedule' }] } });
    });
    await pull(on);
    expect(taintsOf(on)).toEqual({ taints: [{ key, effect: 'NoSchedule' }] });
  });

  it('is left unchanged without the permission to patch nodes, and all else continues', async () => {
    const on = start();
    join(on);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.api.refuse(new RegExp(patched), refusal(403, 'Forbidden', 'nodes is forbidden'));
    await pull(on);
    expect(on.live().status.status).toBe('Succeeded');
    expect(labelsOf(on)).toEqual({});
    await refresh(tick, on.context);
    expect(labelsOf(on)).toEqual(isWarm);
  });

  it('is never patched with the gate off, and its cache reports it', async () => {
    const on = start([]);
    join(on);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    await pull(on);
    await refresh(tick, on.context);
    on.wait(3_600_000);
    await refresh(tick, on.context);
    expect(on.api.bodies('PATCH', nodePath('node-1'))).toEqual([]);
    expect(reasons(on)).toContain('WarmGateOff');
  });

  it('costs nothing if no node has one', async () => {
    const on = start();
    on.nodes('node-1');
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.api.newCalls();
    await pull(on);
    expect(on.api.newCalls().filter((call) => call.includes('/imagecaches?'))).toEqual([]);
  });
});
