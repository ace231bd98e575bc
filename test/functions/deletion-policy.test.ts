import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { RetryLater } from '#runtime/errors.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { aCache, aNode, cachePath, changed, eventsPath, nodeNamed, nodePath, tick, type Scene } from './scene.ts';
import { removals, removalsPath, ends, removed, told, pulled, ordinary } from './removal-scene.ts';

const notReady = [{ type: 'Ready', status: 'False' }];

const lastWarning = (on: Scene) => on.api.list(eventsPath).findLast((event) => event['type'] === 'Warning');

/** Deletes each removal Job before it has ended, until its node counts as failed. */
async function losesRemovals(on: Scene): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    await purge(changed(aCache, { isRemoval: true }), on.context);
    const [job] = removals(on);
    on.api.remove(`${removalsPath}/${job?.metadata.name ?? ''}`);
    await told(on, job);
  }
}

describe('a cache with deletionPolicy Purge', () => {
  const spec = { cacheSpec: [{ images: ['app:1', 'base:2'] }], deletionPolicy: 'Purge' };
  const held = async (): Promise<Scene> => {
    const on = await pulled(spec, 'node-1');
    await purge(changed(aCache), on.context);
    expect(on.live().finalizers).toEqual(['kubefledged.io/purge']);
    return on;
  };
  const dies = (on: Scene, given: object = spec): void => {
    const before = on.api.read(cachePath());
    const metadata = { ...before?.metadata, deletionTimestamp: '2026-11-24T12:00:00Z' };
    on.api.put(cachePath(), { ...before, metadata, spec: given });
  };

  it('keeps its finalizer until its images are removed', async () => {
    const on = await held();
    dies(on);
    await purge(changed(aCache), on.context);
    expect(on.live().status.round).toMatchObject({ operation: 'Purge', trigger: 'Deletion' });
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    expect(on.live().finalizers).toEqual([]);
  });

  it('loses its finalizer at once when set back to Retain', async () => {
    const on = await held();
    dies(on, { ...spec, deletionPolicy: 'Retain' });
    await purge(changed(aCache), on.context);
    expect(on.live().finalizers).toEqual([]);
    expect(removals(on)).toEqual([]);
  });

  it('loses its finalizer after a time limit if a node is not ready, and reports the node', async () => {
    const on = await held();
    on.api.put(
      nodePath('node-1'),
      nodeNamed('node-1', { status: { ...ordinary, conditions: [{ type: 'Ready', status: 'False' }] } }),
    );
    dies(on);
    await purge(changed(aCache), on.context);
    expect(on.live().finalizers).toHaveLength(1);
    on.wait(301_000);
    await purge(tick, on.context);
    expect(on.live().finalizers).toEqual([]);
    expect(on.api.list(eventsPath).map((event) => event['message'])).toContainEqual('Given up on node-1 (NotReady)');
  });

  it('reports nothing as given up while it waits for a node that is away, also once the others are done', async () => {
    const on = await pulled(spec, 'node-1', 'node-2');
    await purge(changed(aCache), on.context);
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status: { ...ordinary, conditions: notReady } }));
    dies(on);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    await refresh(tick, on.context);
    expect(on.live()).toMatchObject({
      finalizers: ['kubefledged.io/purge'],
      status: { removals: { 'node-1': { state: 'Skipped' }, 'node-2': { state: 'Removed' } } },
    });
    expect(on.api.list(eventsPath).map(({ reason }) => reason)).not.toContain('ImageRemovalFailed');
    on.wait(301_000);
    await purge(tick, on.context);
    expect(lastWarning(on)).toMatchObject({
      reason: 'ImageRemovalFailed',
      message: 'Removed 2 images (2.0 kB) from 1 node; given up on node-1 (NotReady)',
    });
  });

  it('loses its finalizer eventually even if no removal Job can be created', async () => {
    const on = await held();
    dies(on);
    on.api.refuse(/POST .*kube-fledged\/jobs/, refusal(403, 'Forbidden', 'no'), 99);
    await expect(purge(changed(aCache), on.context)).rejects.toThrow(RetryLater);
    on.wait(601_000);
    await purge(tick, on.context).catch(() => undefined);
    await purge(tick, on.context);
    expect(on.live().finalizers).toEqual([]);
    expect(lastWarning(on)).toMatchObject({
      reason: 'ImageRemovalFailed',
      message: expect.stringContaining('iven up on node-1') as unknown,
      involvedObject: { kind: 'ImageCache', name: 'web', namespace: 'apps' },
    });
  });

  it('is deleted without an Event in a namespace that is being deleted, and the log names what stayed', async () => {
    const lines: Record<string, unknown>[] = [];
    const on = await held();
    const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line) as never) });
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status: { ...ordinary, conditions: notReady } }));
    dies(on);
    const terminating = 'namespace apps cannot take new content because it is being terminated';
    on.api.refuse(/POST .*\/events/, refusal(403, 'Forbidden', terminating), 99);
    await purge(changed(aCache), { ...on.context, log });
    on.wait(301_000);
    await purge(tick, { ...on.context, log });
    expect(on.live().finalizers).toEqual([]);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: 'removal waits', nodes: ['node-1'], reason: 'NotReady' }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'round ended', operation: 'Purge', status: 'Failed' }));
  });

  it('deletes a removal Job that has not ended when it gives up, as nobody is left to see that others need the images', async () => {
    const on = await held();
    dies(on);
    await losesRemovals(on);
    on.wait(595_000);
    await purge(tick, on.context);
    expect(removals(on)).toHaveLength(1);
    on.wait(6_000);
    await purge(tick, on.context);
    expect(on.live().finalizers).toEqual([]);
    expect(removals(on)).toEqual([]);
  });

  it('keeps its finalizer while a removal that failed is tried again', async () => {
    const on = await held();
    dies(on);
    await losesRemovals(on);
    expect(on.live()).toMatchObject({
      finalizers: ['kubefledged.io/purge'],
      status: { status: 'Processing', removals: { 'node-1': { state: 'Failed', reason: 'JobLost' } } },
    });
    on.wait(15_000);
    await purge(tick, on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    expect(on.live().finalizers).toEqual([]);
  });

  it('does not pull while it is being deleted', async () => {
    const on = await held();
    dies(on);
    on.nodes('node-2');
    await reconcile(changed(aNode('node-2')), on.context);
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual([]);
  });

  it('loses its finalizer at the tick if the policy was changed', async () => {
    const on = await held();
    on.edit({ cacheSpec: spec.cacheSpec });
    await purge(tick, on.context);
    expect(on.live().finalizers).toEqual([]);
  });
});
