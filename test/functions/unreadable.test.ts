import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import { purge } from '../../functions/purge.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { Rejected } from '#runtime/errors.ts';
import { recordedLog } from './recorded-log.ts';
import {
  aCache,
  aPod,
  cachePath,
  changed,
  completed,
  eventsPath,
  jobsPath,
  nodeNamed,
  nodePath,
  podsPath,
  scene,
  tick,
} from './scene.ts';

const spec = { cacheSpec: [{ images: ['app:1'] }] };

/** `web` has a field that this version does not know. */
function withUnreadable() {
  const { log, lines } = recordedLog();
  const on = scene({}, { log });
  on.cache({ ...spec, imagePullPolicy: 'Never' });
  on.cache(spec, 'second');
  on.nodes('node-1');
  return { on, warnings: () => lines().filter(({ level }) => level === 'warn') };
}

const asks = { [annotations.purgeRequestedAt]: 'now' };

describe('an ImageCache that cannot be parsed', () => {
  it('does not block the others at a tick', async () => {
    const { on } = withUnreadable();
    await refresh(tick, on.context);
    expect(on.live('second').status.status).toBe('Processing');
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    await purge(tick, on.context);
    expect(on.live('second').status.status).toBe('Succeeded');
  });

  it('does not block the others at a Node event', async () => {
    const { on } = withUnreadable();
    const node = { apiVersion: 'v1', kind: 'Node', namespace: '', name: 'node-1' };
    await reconcile(changed(node, { verb: 'add', isFrom: 'knative' }), on.context);
    expect(on.live('second').status.status).toBe('Processing');
  });

  it('is logged once per tick, with the invalid field', async () => {
    const { on, warnings } = withUnreadable();
    await refresh(tick, on.context);
    await purge(tick, on.context);
    expect(warnings()).toEqual([
      expect.objectContaining({
        cache: 'apps/web',
        problem: expect.stringMatching(/^spec\.imagePullPolicy: .*IfNotPresent/) as unknown,
      }),
    ]);
    await refresh(tick, on.context);
    expect(warnings()).toHaveLength(2);
  });

  it('gets one Warning Event, whatever the number of ticks', async () => {
    const { on } = withUnreadable();
    for (let count = 0; count < 3; count += 1) await refresh(tick, on.context);
    expect(on.api.list(eventsPath)).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'InvalidCache',
        involvedObject: expect.objectContaining({ kind: 'ImageCache', name: 'web', uid: 'uid-of-web' }) as unknown,
        message: expect.stringContaining('spec.imagePullPolicy') as unknown,
      }),
    ]);
    expect(on.api.newCalls().filter((call) => call.startsWith('POST') && call.includes('events'))).toHaveLength(1);
  });

  it.each([
    { name: 'reconcile', handler: reconcile },
    { name: 'refresh', handler: refresh },
    { name: 'purge', handler: purge },
    { name: 'job-complete', handler: jobComplete },
  ])('has its events rejected by $name, and not retried', async ({ handler }) => {
    const { on } = withUnreadable();
    const event = handler === jobComplete ? changed(aPod('a-abcde')) : changed(aCache);
    const handled = handler(event, on.context);
    await expect(handled).rejects.toThrow(Rejected);
    await expect(handled).rejects.toThrow(/apps\/web .*spec\.imagePullPolicy/);
  });

  it.each([
    ['its images', {}],
    [
      'what it found in workloads',
      { cacheSpec: [], status: { imagesFrom: { lists: [{ list: 0, images: [{ image: 'app:1' }] }] } } },
    ],
  ])('keeps %s from being removed for another cache', async (_, { status, ...fields }: { status?: object }) => {
    const { on } = withUnreadable();
    on.api.put(cachePath(), {
      ...on.api.read(cachePath()),
      spec: { ...spec, imagePullPolicy: 'Never', ...fields },
      ...(status && { status }),
    });
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    const second = on.api.read(cachePath('second'));
    on.api.put(cachePath('second'), { ...second, metadata: { ...second?.metadata, annotations: asks } });
    await purge(changed({ ...aCache, name: 'second' }, { isFrom: 'knative' }), {
      ...on.context,
      settings: { ...on.context.settings, namespace: 'apps' },
    }).catch(() => undefined);
    await purge(tick, on.context);
    const jobs = on.api.list('/apis/batch/v1/namespaces/kube-fledged/jobs');
    expect(JSON.stringify(jobs)).toContain('--keep=app:1');
  });
});

describe('an object that cannot be parsed', () => {
  const odd = { conditions: 'none' };

  it('is handled by its metadata if it is a Node: not ready, without effect on others', async () => {
    const { on, warnings } = withUnreadable();
    on.api.put(nodePath('node-2'), nodeNamed('node-2', { status: { ...odd, nodeInfo: { operatingSystem: 'linux' } } }));
    await refresh(tick, on.context);
    expect(on.live('second').status.nodes).toMatchObject({
      'node-1': { state: 'Pulling' },
      'node-2': { state: 'Skipped', reason: 'NotReady' },
    });
    expect(warnings()).toContainEqual(
      expect.objectContaining({
        object: 'Node node-2',
        problem: expect.stringContaining('status.conditions') as unknown,
      }),
    );
  });

  it('keeps its entry in the ledger if it is a Node', async () => {
    const { on } = withUnreadable();
    const nodeInfo = { machineID: 'm-1', systemUUID: 's-1', operatingSystem: 'linux' };
    const status = { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo };
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status }));
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    const before = on.live('second').status.nodes;
    expect(before).toMatchObject({ 'node-1': { state: 'Ready' } });
    on.api.put(nodePath('node-1'), nodeNamed('node-1', { status: { ...status, images: 'none' } }));
    on.nodes('node-2');
    await refresh(tick, on.context);
    expect(on.live('second').status.nodes['node-1']).toEqual({ ...before['node-1'], reason: 'NotReady' });
  });

  it('is not treated as missing if it is a Job, and not created again', async () => {
    const { on } = withUnreadable();
    on.nodes('node-2');
    await refresh(tick, on.context);
    const [first = '', second = ''] = on.jobs();
    on.api.put(`${jobsPath}/${first}`, { ...on.api.read(`${jobsPath}/${first}`), status: odd });
    on.pod(second, completed(0));
    on.api.newCalls();
    on.wait(30_000);
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual([first]);
    expect(on.api.newCalls().filter((call) => call.startsWith('POST') && call.endsWith('jobs'))).toEqual([]);
    expect(Object.values(on.live('second').status.nodes).map(({ state, attempt }) => [state, attempt])).toEqual(
      expect.arrayContaining([
        ['Pulling', 1],
        ['Ready', 1],
      ]),
    );
  });

  it('leaves its Job in progress if it is a Pod, without effect on others', async () => {
    const { on } = withUnreadable();
    on.nodes('node-2');
    await refresh(tick, on.context);
    const [first = '', second = ''] = on.jobs();
    const pod = on.pod(first, completed(0));
    on.api.put(`${podsPath}/${pod}`, { ...on.api.read(`${podsPath}/${pod}`), status: odd });
    on.pod(second, completed(0));
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual([first]);
  });
});
