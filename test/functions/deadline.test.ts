import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { jobAnnotations } from '#model/cache/api.ts';
import type { Settings } from '#model/cache/settings.ts';
import { aCache, aJob, aPod, changed, completed, eventsPath, jobsPath, missing, scene, type Scene } from './scene.ts';

const pulls = async (given: Partial<Settings> = {}): Promise<Scene> => {
  const on = scene({ imagePullDeadline: 10_000, ...given });
  on.cache();
  on.nodes('node-1');
  await reconcile(changed(aCache), on.context);
  return on;
};

const told = async (on: Scene): Promise<void> => jobComplete(changed(aJob(on.jobs()[0] ?? '')), on.context);

describe('a Pod that is never started', () => {
  it('fails its node at the deadline, without another attempt after it', async () => {
    const on = await pulls();
    await told(on);
    expect(on.live().status.nodes['node-1']?.state).toBe('Pulling');
    on.wait(10_000);
    await told(on);
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      failures: { 'app:1': [{ node: 'node-1', reason: 'Pending' }] },
      nodes: { 'node-1': { state: 'Failed', attempt: 1 } },
    });
    expect(on.jobs()).toEqual([]);
  });

  it('fails its node at the deadline too if a quota forbids it', async () => {
    const on = await pulls({ imagePullDeadline: 60_000 });
    const uid = on.api.read(`${jobsPath}/${on.jobs()[0] ?? ''}`)?.metadata.uid;
    on.api.put(`${eventsPath}/refused`, {
      ...{ metadata: { name: 'refused' }, reason: 'FailedCreate', involvedObject: { uid } },
      ...{ message: 'pods "x" is forbidden: exceeded quota: q', lastTimestamp: '2026-11-24T12:00:09Z' },
    });
    on.wait(59_000);
    await told(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', attempt: 1 });
    on.wait(1000);
    await told(on);
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      failures: { 'app:1': [{ node: 'node-1', reason: 'FailedCreate' }] },
      nodes: { 'node-1': { state: 'Failed', attempt: 1 } },
    });
  });

  it('waits without a limit where there is none', async () => {
    const on = await pulls({ imagePullDeadline: 0 });
    on.wait(30 * 24 * 3_600_000);
    await told(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', attempt: 1 });
    expect(on.api.read(`${jobsPath}/${on.jobs()[0] ?? ''}`)?.metadata.annotations).not.toHaveProperty([
      jobAnnotations.deadline,
    ]);
  });

  it('is not what fails images within the deadline: these are tried again', async () => {
    const on = await pulls();
    on.pod(on.jobs()[0] ?? '', missing(0, 1));
    await told(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', attempt: 2 });
  });
});

const silent = { phase: 'Pending' };

describe('a second attempt', () => {
  it('is made within the deadline of the first: silent images are tried one by one, in shares of the time that is left', async () => {
    const on = await pulls();
    on.pod(on.jobs()[0] ?? '', silent);
    on.wait(10_000);
    await told(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', attempt: 2, oneImagePerJob: true });
    expect(on.api.read(`${jobsPath}/${on.jobs()[0] ?? ''}`)?.metadata.annotations).toMatchObject({
      [jobAnnotations.deadline]: '5',
    });
    on.pod(on.jobs()[0] ?? '', silent);
    on.wait(5_000);
    await told(on);
    on.pod(on.jobs()[0] ?? '', completed(1));
    await told(on);
    expect(on.live().status).toMatchObject({ status: 'Failed', nodes: { 'node-1': { images: 'fp' } } });
    expect(Object.keys(on.live().status.failures)).toEqual(['app:1']);
  });

  it('ends with the deadline of the first, whatever it waits for', async () => {
    const on = await pulls();
    on.pod(on.jobs()[0] ?? '', silent);
    on.wait(10_000);
    await told(on);
    on.pod(on.jobs()[0] ?? '', silent);
    on.wait(10_000);
    await told(on);
    expect(on.live().status).toMatchObject({
      status: 'Failed',
      nodes: { 'node-1': { state: 'Failed', attempt: 2, images: 'f' } },
    });
    expect(on.jobs()).toEqual([]);
  });

  it('is not made for a single image that has used up the deadline', async () => {
    const on = scene({ imagePullDeadline: 10_000 });
    on.cache({ cacheSpec: [{ images: ['app:1'] }] });
    on.nodes('node-1');
    await reconcile(changed(aCache), on.context);
    on.pod(on.jobs()[0] ?? '', silent);
    on.wait(10_000);
    await told(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Failed', attempt: 1 });
  });
});

describe('a node on which no pull ends while other nodes pull the same image', () => {
  const blocked = async (): Promise<Scene> => {
    const on = scene({ imagePullDeadline: 10_000 });
    on.cache({ cacheSpec: [{ images: ['app:1'] }] });
    on.nodes('node-1', 'node-2', 'node-3');
    await reconcile(changed(aCache), on.context);
    const [first = '', ...others] = on.jobs();
    for (const job of others) await jobComplete(changed(aPod(on.pod(job, completed(0)))), on.context);
    on.pod(first, silent);
    on.wait(10_000);
    await jobComplete(changed(aJob(first)), on.context);
    return on;
  };

  it('fails with PullsBlocked, which an Event reports once, and the registry goes on serving the others', async () => {
    const on = await blocked();
    expect(on.live().status.failures['app:1']).toMatchObject([{ reason: 'PullsBlocked' }]);
    expect(on.live().status.message).toContain('PullsBlocked');
    expect(on.live().status.registries).toEqual({});
    const reported = on.api.list(eventsPath).map((event) => event as unknown as { reason: string; type: string });
    expect(reported.filter(({ reason }) => reason === 'PullsBlocked')).toMatchObject([{ type: 'Warning' }]);
  });
});
