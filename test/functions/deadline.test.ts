import { describe, expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, aJob, changed, missing, scene, type Scene } from './scene.ts';

const pulls = async (): Promise<Scene> => {
  const on = scene({ imagePullDeadline: 10_000 });
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

  it('is not what fails images within the deadline: these are tried again', async () => {
    const on = await pulls();
    on.pod(on.jobs()[0] ?? '', missing(0, 1));
    await told(on);
    expect(on.live().status.nodes['node-1']).toMatchObject({ state: 'Pulling', attempt: 2 });
  });
});
