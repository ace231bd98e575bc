import { describe, expect, it } from 'vitest';
import { jobAnnotations, labels, managerLabelValue } from '#model/cache/api.ts';
import { parseNode } from '#model/node/parse-node.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Limits } from '#model/cache/settings.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { unlimited } from './model/builders.ts';
import { aCache, aNode, aPod, cachePath, changed, completed, nodeNamed, nodePath, scene, tick } from './scene.ts';

const plain = { cacheSpec: [{ images: ['app:1'] }] };

/** Caches of several namespaces on nodes that all of them select. */
function shared(of: Partial<Limits>) {
  const on = scene({ limits: { ...unlimited, ...of } });
  const pathOf = (namespace: string, name: string) => cachePath(name).replace('/apps/', `/${namespace}/`);
  const jobsOf = (namespace: string) => on.api.list(`/apis/batch/v1/namespaces/${namespace}/jobs`);
  return {
    ...on,
    cacheIn: (namespace: string, name: string, spec: object = plain): void => {
      on.api.put(`/api/v1/namespaces/${namespace}`, { metadata: { name: namespace } });
      on.api.put(pathOf(namespace, name), {
        metadata: { name, namespace, uid: `uid-of-${namespace}-${name}`, generation: 1 },
        spec,
      });
    },
    reconcileIn: (namespace: string, name: string) =>
      reconcile(
        { ...changed({ ...aCache, namespace, name }, { verb: 'add' }), cache: { namespace, name } },
        on.context,
      ),
    wake: (name: string, node = 'node-1') =>
      reconcile({ ...changed(aNode(node)), cache: { namespace: 'apps', name } }, on.context),
    jobsIn: (...namespaces: readonly string[]) => namespaces.flatMap(jobsOf).length,
    statusIn: (namespace: string, name: string) => parseImageCache(on.api.read(pathOf(namespace, name))).status,
    /** The Job of a cache succeeds, and is recorded. */
    finish: async (name: string): Promise<void> => {
      for (const job of on.jobs().filter((each) => each.startsWith(`${name}-`))) {
        const pod = on.pod(job, completed(0));
        await jobComplete({ ...changed(aPod(pod)), cache: { namespace: 'apps', name } }, on.context);
        on.api.remove(`/api/v1/namespaces/apps/pods/${pod}`);
      }
    },
  };
}

describe('caches of all namespaces on one node', () => {
  it('have not lost what a removal Job of another cache names and does not remove', async () => {
    const on = shared({});
    on.nodes('node-1');
    on.cacheIn('apps', 'web');
    await on.reconcileIn('apps', 'web');
    await on.finish('web');
    const listing = (...names: readonly string[]): object => ({
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2' },
        images: names.map((name) => ({ names: [name] })),
      },
    });
    on.wait(600_000);
    on.api.put(nodePath('node-1'), nodeNamed('node-1', listing('app:1', 'other:1')));
    const node = parseNode(nodeNamed('node-1'));
    on.api.put('/apis/batch/v1/namespaces/kube-fledged/jobs/removal', {
      metadata: {
        ...{ name: 'removal', namespace: 'kube-fledged', uid: 'uid-of-removal' },
        creationTimestamp: new Date(on.context.now()).toISOString(),
        labels: {
          ...{ [labels.manager]: managerLabelValue, [labels.removal]: 'true' },
          ...{ [labels.cacheUid]: 'uid-of-another', [labels.node]: node.id },
        },
        annotations: { [jobAnnotations.removes]: JSON.stringify(['app:1']) },
      },
    });
    await on.wake('web');
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Ready', losses: 0 });
    on.api.put(nodePath('node-1'), nodeNamed('node-1', listing('other:1')));
    on.api.remove('/apis/batch/v1/namespaces/kube-fledged/jobs/removal');
    await on.wake('web');
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', losses: 1 });
  });

  it('have no more Pods there together than the limit, also if all start at once', async () => {
    const on = shared({ podsPerNode: 10, namespacePodsPerNode: 8 });
    on.nodes('node-1');
    const names = Array.from({ length: 20 }, (_, index) => `cache-${index}`);
    for (const namespace of ['a', 'b', 'c']) for (const name of names) on.cacheIn(namespace, name);
    await Promise.all(['a', 'b', 'c'].flatMap((namespace) => names.map((name) => on.reconcileIn(namespace, name))));
    expect(on.jobsIn('a', 'b', 'c')).toBe(10);
    await refresh(tick, on.context);
    expect(on.jobsIn('a', 'b', 'c')).toBe(10);
  });

  it('leave slots to a namespace that comes later', async () => {
    const on = shared({ podsPerNode: 10, namespacePodsPerNode: 8 });
    on.nodes('node-1');
    for (let index = 0; index < 12; index += 1) {
      on.cacheIn('greedy', `cache-${index}`);
      await on.reconcileIn('greedy', `cache-${index}`);
    }
    on.cacheIn('apps', 'late');
    await on.reconcileIn('apps', 'late');
    expect([on.jobsIn('greedy'), on.jobsIn('apps')]).toEqual([8, 1]);
  });

  it('say which nodes they wait for, and start there once they are woken after a Pod has ended', async () => {
    const on = shared({ podsPerNode: 1 });
    on.nodes('node-1');
    for (const name of ['first', 'second']) {
      on.cacheIn('apps', name);
      await on.reconcileIn('apps', name);
    }
    expect(on.statusIn('apps', 'second')).toMatchObject({
      status: 'Processing',
      nodes: { 'node-1': { state: 'Pending', reason: 'NodeBusy' } },
    });
    await on.finish('first');
    await on.wake('second');
    expect(on.statusIn('apps', 'second').nodes['node-1']).toMatchObject({ state: 'Pulling', reason: '' });
    await on.finish('second');
    expect(on.statusIn('apps', 'second').status).toBe('Succeeded');
  });

  it('wait after an edit, too, and still say so after their removals were observed, as no event would wake them otherwise', async () => {
    const on = shared({ podsPerNode: 1 });
    on.nodes('node-1');
    on.cacheIn('apps', 'second');
    await on.reconcileIn('apps', 'second');
    await on.finish('second');
    on.wait(60_000);
    on.cacheIn('apps', 'first');
    await on.reconcileIn('apps', 'first');
    expect(on.statusIn('apps', 'first').nodes).toMatchObject({ 'node-1': { state: 'Pulling' } });
    const before = on.api.read(cachePath('second'));
    const edited = { ...before, metadata: { ...before?.metadata, generation: 2 } };
    on.api.put(cachePath('second'), { ...edited, spec: { cacheSpec: [{ images: ['base:2'] }] } });
    const event = { ...changed({ ...aCache, name: 'second' }), cache: { namespace: 'apps', name: 'second' } };
    await reconcile(event, on.context);
    const busy = { nodes: { 'node-1': { state: 'Pending', reason: 'NodeBusy' } } };
    expect(on.statusIn('apps', 'second')).toMatchObject({ ...busy, removals: { 'node-1': { state: 'Pending' } } });
    await purge(event, on.context);
    expect(on.statusIn('apps', 'second')).toMatchObject(busy);
  });

  it('are served by the tick alone, too', async () => {
    const on = shared({ podsPerNode: 1 });
    on.nodes('node-1');
    for (const name of ['one', 'two', 'three']) on.cacheIn('apps', name);
    for (const name of ['one', 'two', 'three']) {
      await refresh(tick, on.context);
      expect(on.jobs()).toHaveLength(1);
      await on.finish(on.jobs()[0]?.split('-')[0] ?? name);
    }
    for (const name of ['one', 'two', 'three']) expect(on.statusIn('apps', name).status).toBe('Succeeded');
  });

  it('pull with as many Pods of one cache as the limit leaves, whatever its spec asks for', async () => {
    const on = shared({ podsPerNode: 4 });
    on.nodes('node-1');
    on.cacheIn('apps', 'wide', { cacheSpec: [{ images: ['a:1', 'b:1', 'c:1', 'd:1', 'e:1'] }], pullsPerNode: 5 });
    await on.reconcileIn('apps', 'wide');
    expect(on.jobs()).toHaveLength(2);
  });
});

describe('reads of the API server', () => {
  const podLists = (calls: readonly string[]) => calls.filter((call) => /^GET \/api\/v1\/pods\?/.test(call));

  it('include Pods of other caches only if a node would start, and only those on the nodes in question', async () => {
    const on = shared({ podsPerNode: 10 });
    on.nodes('node-1', 'node-2');
    on.cacheIn('apps', 'web');
    await on.reconcileIn('apps', 'web');
    expect(podLists(on.api.newCalls())).toEqual([expect.stringMatching(/node-id\+in\+\(\w{12},\w{12}\)/)]);
    await on.finish('web');
    expect(podLists(on.api.newCalls())).toEqual([]);
    on.nodes('node-3');
    await on.wake('web', 'node-3');
    expect(podLists(on.api.newCalls())).toEqual([expect.stringMatching(/node-id\+in\+\(\w{12}\)/)]);
  });

  it('do not grow with the nodes that are busy', async () => {
    const on = shared({ podsPerNode: 1 });
    const busy = Array.from({ length: 30 }, (_, index) => `busy-${index}`);
    on.nodes(...busy);
    on.api.put(
      nodePath('free'),
      nodeNamed('free', { metadata: { name: 'free', uid: 'uid-of-free', labels: { pool: 'x' } } }),
    );
    on.cacheIn('apps', 'first', { cacheSpec: [{ images: ['app:1'] }] });
    await on.reconcileIn('apps', 'first');
    on.api.remove(`/apis/batch/v1/namespaces/apps/jobs/${on.jobs().find((job) => job.startsWith('first')) ?? ''}`);
    on.cacheIn('apps', 'web');
    await on.reconcileIn('apps', 'web');
    on.api.newCalls();
    await on.wake('web', 'busy-3');
    const calls = on.api.newCalls();
    expect(calls.filter((call) => call.startsWith('GET /api/v1/nodes'))).toEqual(['GET /api/v1/nodes/busy-3']);
    expect(calls.length).toBeLessThanOrEqual(8);
  });
});
