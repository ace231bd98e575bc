import { describe, expect, it } from 'vitest';
import type { ObjectReference } from '#model/cache/cloud-event.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { handlers } from '../../functions/handlers.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { aCache, aNode, cachePath, changed, completed, scene, tick } from './scene.ts';

/** Two caches, of which the functions may see the one in `apps`: what RBAC does not give them is refused. */
function limited() {
  const on = scene();
  const elsewhere = cachePath('theirs').replace('/apps/', '/other/');
  on.cache();
  on.api.put(elsewhere, {
    metadata: { name: 'theirs', namespace: 'other', uid: 'uid-of-theirs', generation: 1 },
    spec: { cacheSpec: [{ images: ['app:1'] }] },
  });
  on.nodes('node-1');
  const forbidden = refusal(403, 'Forbidden', 'no right beyond apps');
  on.api.refuse(/\/namespaces\/other|v1alpha2\/imagecaches|batch\/v1\/jobs|api\/v1\/pods/, forbidden, Infinity);
  const context = { ...on.context, cluster: createCluster(on.api, ['apps']) };
  const isUntouched = (): boolean => on.api.read(elsewhere)?.['status'] === undefined;
  return { ...on, context, isUntouched };
}

describe('functions that are limited to a namespace', () => {
  it('drive its caches through a round by the tick alone, and do not change others', async () => {
    const on = limited();
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    await purge(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 1 } });
    expect(on.isUntouched()).toBe(true);
  });

  it('serve a new node for its caches only', async () => {
    const on = limited();
    await reconcile({ ...changed(aNode('node-1'), { verb: 'add' }), cache: undefined }, on.context);
    expect(on.jobs()).toHaveLength(1);
    expect(on.isUntouched()).toBe(true);
  });

  const theirs: ObjectReference = { ...aCache, namespace: 'other', name: 'theirs' };
  it.each(Object.entries(handlers))('ignore in %s an event about a cache elsewhere', async (_, run) => {
    const on = limited();
    const { namespace, name } = theirs;
    await run({ ...changed(theirs), cache: { namespace, name } }, on.context);
    const job = { apiVersion: 'batch/v1', kind: 'Job', namespace, name: 'theirs-1' };
    await run({ ...changed(job), cache: undefined }, on.context);
    expect(on.api.newCalls()).toEqual([]);
  });
});
