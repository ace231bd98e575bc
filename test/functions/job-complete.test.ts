import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import type { Settings } from '#model/cache/settings.ts';
import {
  aCache,
  aJob,
  aPod,
  cachePath,
  changed,
  completed,
  eventsPath,
  jobsPath,
  missing,
  nodePath,
  podsPath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

/** A cache in its first round on these nodes, and the names of its Jobs in the order of the nodes. */
async function begun(nodes: readonly string[] = ['node-1'], given: Partial<Settings> = {}) {
  const on = scene(given);
  on.cache();
  on.nodes(...nodes);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  on.api.newCalls();
  return { on, jobs: on.jobs() };
}

const told = (on: Scene, pod: string) => jobComplete(changed(aPod(pod)), on.context);
const writes = (calls: readonly string[]) => calls.filter((call) => !call.startsWith('GET'));

describe('job-complete', () => {
  it('reads only what an event names, records the result, and only then deletes the Job', async () => {
    const { on, jobs } = await begun();
    const pod = on.pod(jobs[0] ?? '', completed(0, 1));
    await told(on, pod);
    expect(on.api.newCalls()).toEqual([
      `GET ${cachePath()}`,
      `GET ${podsPath}/${pod}`,
      `GET ${nodePath('node-1')}`,
      'GET /api/v1/namespaces/apps',
      `PATCH ${cachePath()}/status`,
      `DELETE ${jobsPath}/${jobs[0] ?? ''}`,
      `POST ${eventsPath}`,
    ]);
    expect(on.live().status).toMatchObject({
      status: 'Succeeded',
      reason: 'ImageCacheCreate',
      message: 'All requested images pulled succesfully to respective nodes',
      nodes: { 'node-1': { state: 'Ready' } },
      digests: { 'app:1': `sha256:${'0'.repeat(64)}` },
    });
  });

  it('deletes exactly the Job that it has read, with its Pods', async () => {
    const { on, jobs } = await begun();
    const [job = ''] = jobs;
    const uid = on.api.read(`${jobsPath}/${job}`)?.metadata.uid;
    await told(on, on.pod(job, completed(0, 1)));
    expect(on.api.bodies('DELETE', job)).toEqual([{ propagationPolicy: 'Background', preconditions: { uid } }]);
  });

  it('records all changes in one status write', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `node-${index}`);
    const { on, jobs } = await begun(names);
    const [first = '', ...more] = jobs.map((job) => on.pod(job, completed(0, 1)));
    await jobComplete(changed(aPod(first), { more: more.map(aPod) }), on.context);
    const calls = writes(on.api.newCalls());
    expect(calls.filter((call) => call.startsWith('PATCH'))).toHaveLength(1);
    expect(calls.filter((call) => call.startsWith('DELETE'))).toHaveLength(20);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it('retries a failed image once in its own Job, then reports why', async () => {
    const { on, jobs } = await begun();
    await told(on, on.pod(jobs[0] ?? '', { ...completed(0), ...missing(0) }));
    expect(on.live().status.status).toBe('Processing');
    expect(on.jobs()).toEqual(jobs);
    await told(on, on.pod(jobs[0] ?? '', missing(0, 1)));
    expect(on.live().status).toMatchObject({
      status: 'Processing',
      nodes: { 'node-1': { attempt: 2, images: 'r' } },
    });
    const [second = '', ...others] = on.jobs();
    expect([second === jobs[0], others]).toEqual([false, []]);
    await told(on, on.pod(second, missing(0, 1)));
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      message:
        'Image pull failed for some images. Please see "failures" section: ' +
        '2 images failed on 1 of 1 node, such as app:1 on node-1: ErrImagePull: not found',
      failures: { 'app:1': [{ node: 'node-1', reason: 'ErrImagePull', message: 'not found' }] },
    });
    expect(on.api.bodies('POST', '/events')).toMatchObject([{ type: 'Warning', reason: 'ImageCacheCreate' }]);
    expect(on.jobs()).toEqual([]);
  });

  it('does not wait for a second Pod of a Job', async () => {
    const { on, jobs } = await begun();
    const pod = on.pod(jobs[0] ?? '', completed(0, 1));
    const { metadata } = on.api.read(`${podsPath}/${pod}`) ?? {};
    on.api.put(`${podsPath}/${jobs[0] ?? ''}-fghij`, {
      metadata: { ...metadata, name: `${jobs[0] ?? ''}-fghij`, uid: 'another' },
      status: { phase: 'Failed', reason: 'Evicted' },
    });
    await told(on, pod);
    expect(on.live().status.status).toBe('Succeeded');
    expect(on.jobs()).toEqual([]);
  });

  it('starts the next node when a node is ready', async () => {
    const { on, jobs } = await begun(['node-1', 'node-2'], { jobsMaxSurge: 1 });
    expect(jobs).toHaveLength(1);
    await told(on, on.pod(jobs[0] ?? '', completed(0, 1)));
    expect(on.jobs()).toHaveLength(1);
    expect(on.live().status.nodes).toMatchObject({ 'node-1': { state: 'Ready' }, 'node-2': { state: 'Pulling' } });
  });

  it('starts the next attempt if a Job was deleted', async () => {
    const { on, jobs } = await begun();
    on.api.remove(`${jobsPath}/${jobs[0] ?? ''}`);
    await jobComplete(changed(aJob(jobs[0] ?? ''), { verb: 'delete' }), on.context);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', attempt: 2, images: 'w' });
    expect(on.jobs()).toHaveLength(1);
  });

  it('waits for all Jobs of a node', async () => {
    const on = scene();
    on.cache({ cacheSpec: [{ images: ['app:1', 'base:2'] }], pullsPerNode: 2 });
    on.nodes('node-1');
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    const [first = '', second = ''] = on.jobs();
    const index = (job: string): number =>
      JSON.stringify(on.api.read(`${jobsPath}/${job}`)).includes('image-0') ? 0 : 1;
    await told(on, on.pod(first, completed(index(first))));
    expect(on.live().status.status).toBe('Processing');
    expect(on.jobs()).toEqual([second]);
    await told(on, on.pod(second, completed(index(second))));
    expect(on.live().status.status).toBe('Succeeded');
    expect(on.jobs()).toEqual([]);
  });

  it('reads only the finished one of several Jobs of a node, creates the next, and keeps earlier results', async () => {
    const on = scene({ imagesPerJob: 1 });
    on.cache();
    on.nodes('node-1');
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    const [first = ''] = on.jobs();
    const pod = on.pod(first, missing(0));
    on.api.newCalls();
    await told(on, pod);
    const [second = ''] = on.jobs();
    expect(on.api.newCalls()).toEqual([
      `GET ${cachePath()}`,
      `GET ${podsPath}/${pod}`,
      `GET ${nodePath('node-1')}`,
      'GET /api/v1/namespaces/apps',
      `PATCH ${cachePath()}/status`,
      `POST ${jobsPath}`,
      `DELETE ${jobsPath}/${first}`,
    ]);
    await told(on, on.pod(second, completed(1)));
    expect(on.live().status).toMatchObject({
      failures: { 'app:1': [{ node: 'node-1', reason: 'ErrImagePull' }] },
      nodes: { 'node-1': { state: 'Pulling', attempt: 2, images: 'rp' } },
    });
  });

  it("reports within seconds, from the Job's Events, a quota that forbids Pods", async () => {
    const { on, jobs } = await begun();
    const [job = ''] = jobs;
    const uid = on.api.read(`${jobsPath}/${job}`)?.metadata.uid;
    const event = (name: string, of: object) =>
      on.api.put(`${eventsPath}/${name}`, {
        metadata: { name },
        reason: 'FailedCreate',
        involvedObject: { uid },
        ...of,
      });
    event('a', { message: 'an old one', lastTimestamp: '2026-11-24T12:00:00Z' });
    event('b', { message: 'pods "x" is forbidden: exceeded quota: q', lastTimestamp: '2026-11-24T12:00:09Z' });
    event('c', { message: 'of another', involvedObject: { uid: 'another' }, lastTimestamp: '2026-11-24T12:00:10Z' });
    on.wait(10_000);
    await jobComplete(changed(aJob(job)), on.context);
    expect(on.live().status).toMatchObject({
      status: 'Processing',
      failures: { 'app:1': [{ reason: 'FailedCreate', message: 'pods is forbidden: exceeded quota: q' }] },
    });
  });

  it('finds the cache of an event that does not name it', async () => {
    const { on, jobs } = await begun();
    const pod = on.pod(jobs[0] ?? '', completed(0, 1));
    await jobComplete(changed(aPod(pod), { isFrom: 'knative' }), on.context);
    expect(on.live().status.status).toBe('Succeeded');
  });

  it('ignores Jobs of others', async () => {
    const { on } = await begun();
    const stranger = { name: 'stranger-abcde', namespace: 'apps', uid: 's' };
    on.api.put(`${podsPath}/stranger-abcde`, { metadata: stranger });
    on.api.put(`${jobsPath}/stranger`, { metadata: { ...stranger, name: 'stranger' } });
    await jobComplete(changed(aPod('stranger-abcde'), { isFrom: 'knative' }), on.context);
    await told(on, 'stranger-abcde');
    expect(writes(on.api.newCalls())).toEqual([]);
  });

  it('deletes a Job that no node waits for, without reading it', async () => {
    const { on, jobs } = await begun();
    const uid = 'left-over';
    const of = { 'kubefledged.io/cache-uid': 'uid-of-web' };
    on.api.put(`${jobsPath}/web-old`, { metadata: { name: 'web-old', namespace: 'apps', uid, labels: of } });
    await jobComplete(changed(aJob('web-old')), on.context);
    expect(on.jobs()).toEqual(jobs);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`, `GET ${jobsPath}/web-old`, `DELETE ${jobsPath}/web-old`]);
  });

  it('starts no round for an edit, which is left to reconcile', async () => {
    const { on, jobs } = await begun();
    on.edit({ cacheSpec: [{ images: ['other:1'] }] });
    await told(on, on.pod(jobs[0] ?? '', completed(0, 1)));
    expect(writes(on.api.newCalls())).toEqual([]);
  });

  it('does nothing for a tick or a deleted cache', async () => {
    const { on, jobs } = await begun();
    const pod = on.pod(jobs[0] ?? '', completed(0, 1));
    await jobComplete(tick, on.context);
    on.api.remove(cachePath());
    await told(on, pod);
    expect(on.api.newCalls()).toEqual([`GET ${cachePath()}`]);
  });
});
