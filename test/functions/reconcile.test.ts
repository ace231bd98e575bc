import { describe, expect, it } from 'vitest';
import { maxNodesStarted } from '#model/desired/rollout.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { RetryLater } from '#runtime/errors.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import {
  aCache,
  aNode,
  aPod,
  cachePath,
  changed,
  completed,
  eventsPath,
  jobsPath,
  nodeNamed,
  nodePath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

const created = changed(aCache, { verb: 'add' });

const begun = async (...nodes: readonly string[]): Promise<Scene> => {
  const on = scene();
  on.cache();
  on.nodes(...nodes);
  await reconcile(created, on.context);
  on.api.newCalls();
  return on;
};

const failure = async (work: Promise<void>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('reconcile', () => {
  it('lists only the nodes that a new cache may select, and all of them once it has had some', async () => {
    const on = scene();
    const listings = (): readonly string[] => on.api.newCalls().filter((call) => call.startsWith('GET /api/v1/nodes?'));
    for (const [name, pool] of Object.entries({ 'node-1': 'blue', 'node-2': 'red', 'node-3': 'green' }))
      on.api.put(nodePath(name), nodeNamed(name, { metadata: { name, uid: `uid-of-${name}`, labels: { pool } } }));
    const selecting = (...pools: readonly string[]) =>
      pools.map((pool) => ({ images: ['app:1'], nodeSelector: { pool } }));
    on.cache({ cacheSpec: selecting('blue', 'red') });
    await reconcile(created, on.context);
    expect(Object.keys(on.live().status.nodes)).toEqual(['node-1', 'node-2']);
    expect(listings().map((call) => call.replace(/.*labelSelector=/, '').replaceAll('+', ' '))).toEqual([
      'pool in (blue)',
      'pool in (red)',
    ]);
    on.edit({ cacheSpec: selecting('green') });
    await reconcile(changed(aCache), on.context);
    expect(Object.keys(on.live().status.nodes)).toEqual(['node-3']);
    expect(listings()).toEqual([expect.not.stringContaining('labelSelector')]);
  });

  it('records the nodes of a new cache in its status before it creates a Job for each', async () => {
    const on = scene();
    on.cache();
    on.nodes('node-1', 'node-2');
    await reconcile(created, on.context);
    expect(on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([
      `PATCH ${cachePath()}/status`,
      `POST ${jobsPath}`,
      `POST ${jobsPath}`,
    ]);
    expect(on.live().status).toMatchObject({
      status: 'Processing',
      reason: 'ImageCacheCreate',
      message: 'Images are being pulled on to the nodes. Please view the status after some time',
      observedGeneration: 1,
      round: { number: 1, operation: 'Create', trigger: 'Spec' },
      nodes: { 'node-1': { state: 'Pulling', attempt: 1 }, 'node-2': { state: 'Pulling', attempt: 1 } },
    });
  });

  it('reads all nodes once, even if there are more than one plan starts', async () => {
    const on = scene();
    on.cache();
    on.nodes(...Array.from({ length: maxNodesStarted + 2 }, (_, index) => `node-${index + 1}`));
    await reconcile(created, on.context);
    const asked = on.api.newCalls();
    expect(on.jobs()).toHaveLength(maxNodesStarted + 2);
    expect(asked.filter((call) => call.startsWith('PATCH'))).toHaveLength(2);
    expect(asked.filter((call) => call === 'GET /api/v1/nodes?limit=100')).toHaveLength(1);
  });

  it('does nothing when called again', async () => {
    const on = await begun('node-1');
    await reconcile(created, on.context);
    expect(on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([]);
  });

  it('ends a round without nodes at once', async () => {
    const on = await begun();
    expect(on.live().status).toMatchObject({
      status: 'NoImagesPulledOrDeleted',
      message: 'No images were pulled or deleted because nodeSelector specified did not match any nodes',
    });
    expect(on.api.bodies('POST', '/events')).toMatchObject([{ type: 'Normal', reason: 'ImageCacheCreate' }]);
  });

  it('supersedes the round of an edited cache, and deletes its Jobs without reading them', async () => {
    const on = await begun('node-1');
    const [old = ''] = on.jobs();
    on.pod(old, { phase: 'Failed' });
    on.edit({ cacheSpec: [{ images: ['other:1'] }] });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ reason: 'ImageCacheUpdate', round: { number: 2 }, failures: {} });
    expect(on.jobs()).toHaveLength(1);
    expect(on.jobs()).not.toContain(old);
  });

  it('reads one node, and lists only removal Jobs, when one node changed', async () => {
    const on = await begun('node-1');
    on.nodes('node-2');
    await reconcile(changed(aNode('node-2')), on.context);
    expect(on.api.newCalls()).toEqual([
      `GET ${cachePath()}`,
      `GET ${nodePath('node-2')}`,
      'GET /api/v1/namespaces/apps',
      'GET /apis/batch/v1/namespaces/kube-fledged/jobs?limit=250&labelSelector=kubefledged.io/removal=true',
      `PATCH ${cachePath()}/status`,
      `POST ${jobsPath}`,
    ]);
    expect(on.live().status.nodes['node-2']?.state).toBe('Pulling');
  });

  it('deletes the Job of a deleted node, found by the label of the node', async () => {
    const on = await begun('node-1', 'node-2');
    on.api.remove(nodePath('node-1'));
    const { id } = on.live().status.nodes['node-1'] ?? { id: '' };
    await reconcile(changed(aNode('node-1'), { verb: 'delete' }), on.context);
    expect(on.api.newCalls()).toContain(
      `GET ${jobsPath}?limit=100&labelSelector=kubefledged.io/cache-uid=uid-of-web,!kubefledged.io/removal,kubefledged.io/node-id=${id}`,
    );
    expect(Object.keys(on.live().status.nodes)).toEqual(['node-2']);
    expect(on.jobs()).toHaveLength(1);
  });

  it('serves a node that was recreated under the same name', async () => {
    const on = await begun('node-1');
    const [old] = on.jobs();
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { metadata: { name: 'node-1', uid: 'another' } }));
    await reconcile(changed(aNode('node-1')), on.context);
    expect(on.jobs()).toHaveLength(1);
    expect(on.jobs()).not.toContain(old);
  });

  it('reconciles every cache for a Node event without a cache', async () => {
    const on = await begun('node-1');
    on.cache({ cacheSpec: [{ images: ['app:1'] }] }, 'second');
    await reconcile({ ...changed(aNode('node-1'), { isFrom: 'knative' }) }, on.context);
    expect(on.live('second').status.status).toBe('Processing');
  });

  it('reads only the cache when an event has no news', async () => {
    const on = await begun();
    await reconcile(changed(aCache), on.context);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`]);
  });

  it('does nothing for a deleted or terminating cache, a deletion or a tick', async () => {
    const on = scene();
    await reconcile(created, on.context);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`]);
    on.api.put(cachePath(), {
      metadata: { name: 'web', namespace: 'apps', uid: 'u', deletionTimestamp: '2026-11-24T00:00:00Z' },
      spec: { cacheSpec: [] },
    });
    await reconcile(created, on.context);
    expect(on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([]);
    await reconcile(changed(aCache, { verb: 'delete' }), on.context);
    await reconcile(tick, on.context);
    expect(on.api.newCalls()).toEqual([]);
  });

  it.each(['a/../../nodes?x=1#%2e', '..', 'Web', 'a\u0000', '\ud800', 'x'.repeat(254)])(
    'makes no request for an invalid object name: %j',
    async (name) => {
      const on = scene();
      const caches = [
        { namespace: 'apps', name },
        { namespace: name, name: 'web' },
      ];
      for (const cache of caches) await reconcile({ ...created, cache }, on.context);
      expect(on.api.newCalls()).toEqual([]);
    },
  );
});

describe('of another installation that serves the same cache, reconcile', () => {
  it('records one Event that names its namespace, and writes the status under its own', async () => {
    const on = scene();
    const cluster = createCluster(on.api, [], undefined, 'own');
    on.nodes('a');
    on.cache();
    const stored = on.api.read(cachePath());
    const [manager, time] = ['imagecache-functions.other', new Date(Date.now() + 60_000).toISOString()];
    const managedFields = [{ manager, time, operation: 'Update', subresource: 'status' }];
    on.api.put(cachePath(), { ...stored, metadata: { ...stored?.metadata, managedFields } });
    for (let times = 0; times < 2; times += 1) await reconcile(created, { ...on.context, cluster });
    const events = on.api.list(eventsPath).filter(({ reason }) => reason === 'OtherInstallation');
    expect(events).toMatchObject([{ type: 'Warning' }]);
    expect(JSON.stringify(events)).toContain('The installation in namespace other serves this ImageCache, too');
    expect(on.api.newCalls()).toContain(`PATCH ${cachePath()}/status?fieldManager=imagecache-functions.own`);
  });
});

describe('when the API server refuses, reconcile', () => {
  const ready = (): Scene => {
    const on = scene();
    on.cache();
    on.nodes('node-1');
    return on;
  };
  const jobCall = new RegExp(`^POST ${jobsPath}`);
  const jobName = async (): Promise<string> => (await begun('node-1')).jobs()[0] ?? '';
  const forbidden = (message: string) => refusal(403, 'Forbidden', message);

  it('executes nothing after a conflict, and reads everything again', async () => {
    const on = ready();
    on.api.refuse(/^PATCH .*status$/, () => on.edit({ cacheSpec: [{ images: ['newer:1'] }] }));
    await reconcile(created, on.context);
    const calls = on.api.newCalls();
    const [first, second] = calls.flatMap((call, index) => (call.startsWith('PATCH') ? [index] : []));
    expect(calls.slice(first, second).filter((call) => call.startsWith('POST'))).toEqual([]);
    expect(calls.slice(first, second)).toContain(`GET ${cachePath()}`);
    expect(on.live().status).toMatchObject({ observedGeneration: 2, round: { number: 1 } });
    expect(on.jobs()).toHaveLength(1);
  });

  it('does not recreate a Job that was recorded and deleted between reading the cache and the Jobs', async () => {
    const on = await begun('node-1');
    const claimed = on.api.read(cachePath());
    await jobComplete(changed(aPod(on.pod(on.jobs()[0] ?? '', completed(0, 1)))), on.context);
    const recorded = on.api.read(cachePath());
    expect(on.jobs()).toEqual([]);
    on.api.put(cachePath(), claimed ?? {});
    on.api.refuse(/^GET .*apps\/jobs$/, () => on.api.put(cachePath(), recorded ?? {}));
    on.api.newCalls();
    await reconcile(created, on.context);
    expect(on.api.newCalls().filter((call) => call.startsWith('POST'))).toEqual([]);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it('adopts a Job of that name and owner', async () => {
    const on = ready();
    const name = await jobName();
    on.api.put(`${jobsPath}/${name}`, { metadata: { name, ownerReferences: [{ uid: 'uid-of-web' }] } });
    await reconcile(created, on.context);
    expect(on.jobs()).toEqual([name]);
  });

  it.each([
    {
      when: 'retries late for a Job of another owner',
      owner: 'stranger',
      deletionTimestamp: undefined,
      afterMs: 60_000,
    },
    {
      when: 'retries soon for a Job that is being deleted',
      owner: 'uid-of-web',
      deletionTimestamp: '2026-11-24T12:00:00Z',
      afterMs: 1000,
    },
  ])('$when', async ({ owner, deletionTimestamp, afterMs }) => {
    const on = ready();
    const name = await jobName();
    on.api.put(`${jobsPath}/${name}`, {
      metadata: { name, ownerReferences: [{ uid: owner }], ...(deletionTimestamp && { deletionTimestamp }) },
    });
    expect(await failure(reconcile(created, on.context))).toMatchObject({ name: 'RetryLater', afterMs });
    expect(on.jobs()).toEqual([name]);
  });

  it('reports a quota for Jobs in the status, and retries later', async () => {
    const on = ready();
    on.api.refuse(jobCall, forbidden('jobs.batch "web" is forbidden: exceeded quota: q'), 2);
    const error = await failure(reconcile(created, on.context));
    expect(error).toBeInstanceOf(RetryLater);
    const { status, message, conditions } = on.live().status;
    expect({ status, message }).toEqual({
      status: 'Processing',
      message: 'Jobs cannot be created now, and are retried: jobs.batch "web" is forbidden: exceeded quota: q',
    });
    expect(conditions.find(({ type }) => type === 'Reconciling')).toMatchObject({
      status: 'True',
      reason: 'JobsRefused',
    });
    await failure(reconcile(created, on.context));
    await reconcile(created, on.context);
    expect(on.jobs()).toHaveLength(1);
  });

  it('stops without an error in a terminating namespace, Events included', async () => {
    const terminating = forbidden(
      'forbidden: unable to create new content in namespace apps because it is being terminated',
    );
    const on = ready();
    on.api.refuse(/^POST/, terminating, 100);
    await reconcile(created, on.context);
    expect(on.jobs()).toEqual([]);
    const empty = scene();
    empty.cache();
    empty.api.refuse(/^POST/, terminating, 100);
    await reconcile(created, empty.context);
    expect(empty.live().status.status).toBe('NoImagesPulledOrDeleted');
  });

  it.each([
    ['etcd', refusal(500, '', 'etcdserver: request is too large')],
    [
      'the connection to etcd',
      refusal(500, '', 'rpc error: code = ResourceExhausted desc = trying to send message larger than max'),
    ],
    ['the request', refusal(413, 'RequestEntityTooLarge', 'limit is 3145728')],
  ])('writes a status that is too large for %s without its texts', async (_, tooLarge) => {
    const on = await begun('node-1');
    on.nodes('node-2');
    on.api.refuse(/^PATCH .*status$/, tooLarge);
    await reconcile(changed(aNode('node-2')), on.context);
    const [, refusedPatch, taken] = on.api.bodies('PATCH', '/status');
    expect(JSON.stringify(refusedPatch)).toContain('"image":"app:1"');
    expect(JSON.stringify(taken)).toContain('"images":[]');
    expect(on.live().status.nodes['node-2']?.state).toBe('Pulling');
  });

  it('creates the other Jobs if one can not be created, and retries that one', async () => {
    const on = ready();
    on.nodes('node-2', 'node-3');
    on.api.refuse(jobCall, refusal(500, 'InternalError', 'hiccup'));
    await reconcile(created, on.context);
    expect(on.jobs()).toHaveLength(3);
  });

  it('throws other errors, so that the event is delivered again', async () => {
    const on = ready();
    on.api.refuse(/^GET .*nodes/, refusal(500, 'InternalError', 'hiccup'));
    expect(await failure(reconcile(created, on.context))).toMatchObject({ status: 500 });
    expect(on.api.bodies('POST', eventsPath)).toEqual([]);
  });
});
