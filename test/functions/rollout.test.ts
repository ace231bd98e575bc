import { expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { quiet } from './begun.ts';
import { pulled, removals } from './removal-scene.ts';
import { aCache, aJob, changed, completed, missing, type Scene, tick } from './scene.ts';

const podsPath = '/api/v1/namespaces/apps/pods';

/** The kubelet's part for all Jobs that exist now. */
async function finishJobs(on: Scene, status: object): Promise<void> {
  for (const job of on.jobs()) {
    on.pod(job, status);
    await jobComplete(changed(aJob(job)), on.context);
    on.api.remove(`${podsPath}/${job}-abcde`);
  }
}

/** Three nodes with app:1, and an edit to an image that no registry has, on one node first. */
async function stopped(): Promise<Scene> {
  const on = await pulled(undefined, 'node-1', 'node-2', 'node-3');
  on.edit({ cacheSpec: [{ images: ['app:2'] }], rollout: { canaryNodes: 1 } });
  await reconcile(changed(aCache), on.context);
  expect(on.jobs()).toHaveLength(1);
  await finishJobs(on, missing(0));
  await finishJobs(on, missing(0));
  return on;
}

const states = (on: Scene): readonly string[] => Object.values(on.live().status.nodes).map(({ state }) => state);

it('a rollout that stopped keeps the former images of all nodes, the canary that failed included', async () => {
  const on = await stopped();
  expect(states(on)).toEqual(['Failed', 'Held', 'Held']);
  await purge(changed(aCache, { isRemoval: true }), on.context);
  await purge(tick, on.context);
  await refresh(tick, on.context);
  expect(removals(on)).toEqual([]);
});

it('a rollout that stopped is not touched by ticks', async () => {
  const on = await stopped();
  await purge(tick, on.context);
  quiet(on);
  await refresh(tick, on.context);
  await purge(tick, on.context);
  expect(quiet(on)).toEqual([]);
});

it('says in message, condition and counts that nodes are held', async () => {
  const on = await stopped();
  const { status } = on.live();
  expect(status).toMatchObject({
    status: 'Failed',
    message:
      'Image pull failed for some images. Please see "failures" section: the rollout stopped, and 2 of 3 nodes keep what they have; ' +
      '1 image failed on 1 of 3 nodes, such as app:2 on node-1: ErrImagePull: not found',
  });
  expect(status.conditions).toContainEqual(
    expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'RolloutStopped' }),
  );
});

it('names the wave while it pulls', async () => {
  const on = await pulled(undefined, 'node-1', 'node-2', 'node-3', 'node-4');
  on.edit({ cacheSpec: [{ images: ['app:2'] }], rollout: { canaryNodes: 1 } });
  await reconcile(changed(aCache), on.context);
  expect(on.live().status.message).toBe('Image cache is being updated. Wave 1 of 3: 0 of 4 nodes have pulled');
  await finishJobs(on, completed(0));
  expect(on.live().status.message).toBe('Image cache is being updated. Wave 2 of 3: 1 of 4 nodes have pulled');
  await finishJobs(on, completed(0));
  expect(on.live().status.message).toBe('Image cache is being updated. Wave 3 of 3: 3 of 4 nodes have pulled');
  await finishJobs(on, completed(0));
  expect(on.live().status.status).toBe('Succeeded');
});

it('an edit back to what the held nodes have ends the rollout without a pull there', async () => {
  const on = await stopped();
  on.edit({ cacheSpec: [{ images: ['app:1', 'base:2'] }] });
  await reconcile(changed(aCache), on.context);
  await finishJobs(on, completed(0, 1));
  expect(states(on)).toEqual(['Ready', 'Ready', 'Ready']);
});

it('the setting applies to caches without a rollout of their own', async () => {
  const on = await pulled(undefined, 'node-1', 'node-2', 'node-3');
  const settings = {
    ...on.context.settings,
    rollout: { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: 0, pauseSeconds: 0 },
  };
  on.edit({ cacheSpec: [{ images: ['app:2'] }] });
  await reconcile(changed(aCache), { ...on.context, settings });
  expect(on.jobs()).toHaveLength(1);
});
