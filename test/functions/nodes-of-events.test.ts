import { expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { asked, orderOf, removals } from './removal-scene.ts';
import { aCache, aNode, aPod, changed, completed, nodeNamed, nodePath, scene, tick, type Scene } from './scene.ts';

/** A cache that has pulled on one node; then Nodes were listed for others. */
async function listedFor(others: (on: Scene) => void): Promise<Scene> {
  const on = scene();
  on.cache({ cacheSpec: [{ images: ['app:1'] }] });
  on.nodes('node-1');
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  for (const job of on.jobs()) await jobComplete(changed(aPod(on.pod(job, completed(0)))), on.context);
  others(on);
  await refresh(tick, on.context);
  return on;
}

it.each([
  { of: 'a node', event: { ...changed(aNode('node-2'), { verb: 'add' }), changed: undefined } },
  { of: 'a cache', event: { ...changed(aCache, { verb: 'add' }), changed: undefined } },
])(
  'an event of $of that says that everything may have changed finds a node that has just joined',
  async ({ event }) => {
    const on = await listedFor(() => undefined);
    on.nodes('node-2');
    await reconcile(event, on.context);
    expect(Object.keys(on.live().status.nodes)).toEqual(['node-1', 'node-2']);
  },
);

it('a removal keeps what another cache desires since a node has got a label', async () => {
  const on = await listedFor(({ cache, annotate }) => {
    cache({ cacheSpec: [{ images: ['app:1'], nodeSelector: { pool: 'b' } }] }, 'other');
    annotate(asked);
  });
  const metadata = { name: 'node-1', uid: 'uid-of-node-1', labels: { pool: 'b' } };
  on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata }));
  const other = { cache: { namespace: 'apps', name: 'other' } };
  await reconcile({ ...changed(aNode('node-1')), ...other }, on.context);
  for (const job of on.jobs().filter((name) => name.startsWith('other')))
    await jobComplete({ ...changed(aPod(on.pod(job, completed(0)))), ...other }, on.context);
  expect(on.live('other').status.nodes['node-1']?.state).toBe('Ready');
  await purge(changed(aCache), on.context);
  expect(removals(on).map(orderOf)).toEqual([['--remove=app:1', '--keep=app:1']]);
});
