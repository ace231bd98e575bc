import { expect } from 'vitest';
import { eventually } from '../eventually.ts';
import { functionStartTime, timeFactor } from '../time-factor.ts';
import type { Scenario } from '../scenario.ts';
import { conditionOf, type ObservedPod } from '../observed.ts';
import type { World } from '../world.ts';

const kinds = [
  { kind: 'missing', reason: 'a tag that does not exist', says: /not found/ },
  { kind: 'denied', reason: 'an image that requires a secret', says: /authorization failed|no basic auth|denied/ },
] as const;

const failures: readonly Scenario[] = kinds.map(({ kind, reason, says }) => ({
  name: `fails within 5 s with the kubelet's reason for ${reason}`,
  run: async (world) => {
    const node = await world.nodes.addOne();
    const [good, bad] = [await world.image('good'), await world.image(kind)];
    await world.product.start();
    await world.createCache('cache', [good, bad]);

    const cache = await world.settled('cache', 60);

    expect(cache.status).toMatchObject({ status: 'Failed', nodesReady: '0/1', failuresOmitted: 0 });
    expect(Object.keys(cache.status.failures)).toEqual([bad]);
    expect(cache.status.failures[bad]).toMatchObject(
      [{ node, reason: /ErrImagePull|ImagePullBackOff/, message: says }].map(asymmetric),
    );
    expect(conditionOf(cache, 'Ready')).toMatchObject({ status: 'False', reason: 'PullFailed' });
    expect(conditionOf(cache, 'Stalled')).toMatchObject({ status: 'True', reason: 'PullFailed' });
    expect(conditionOf(cache, 'Reconciling').status).toBe('False');
    expect(await world.imagesOn(node)).toContain(good);
    expect(world.history.jobsOf(node)).toHaveLength(2); // the second attempt is for the failed image, and the last one
    expect(delayOfTelling(world, bad)).toBeLessThan(5000 * timeFactor() + functionStartTime());
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
  },
}));

const asymmetric = ({ node, reason, message }: { node: string; reason: RegExp; message: RegExp }): object => ({
  node,
  reason: expect.stringMatching(reason) as unknown,
  message: expect.stringMatching(message) as unknown,
});

/** Milliseconds from the first Pod status with a failure to the first cache status with it. */
function delayOfTelling({ history }: World, image: string): number {
  const reported = history.podChanges().find(({ object }) => isFailing(object));
  const observed = history.cacheChanges('cache').find(({ object }) => object.status.failures[image] !== undefined);
  if (reported === undefined || observed === undefined) throw new Error('no failure was reported');
  return observed.at - reported.at;
}

const isFailing = ({ status }: ObservedPod): boolean =>
  status.containerStatuses.some(({ state }) => state.waiting?.reason === 'ErrImagePull');

const forbiddenPods: Scenario = {
  name: 'reports within 15 s that a quota forbids Pods',
  needs: ['simulated nodes'],
  run: async (world) => {
    await world.nodes.addOne();
    await forbid(world, 'pods');
    await world.product.start();
    const image = await world.image('good');
    await world.createCache('cache', [image]);

    const observed = await eventually(
      'failures report the quota',
      () => world.history.cache('cache')?.status.failures[image]?.[0]?.message,
      15,
    );
    expect(observed).toContain('exceeded quota');
  },
};

const forbiddenJobs: Scenario = {
  name: 'reports within 15 s that a quota forbids Jobs, and continues when the quota is lifted',
  needs: ['simulated nodes'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await forbid(world, 'count/jobs.batch');
    await world.product.start();
    await world.createCache('cache', [await world.image('good')]);

    const observed = await eventually(
      'the status reports the quota',
      () => {
        const cache = world.history.cache('cache');
        return cache?.status.message.includes('exceeded quota') === true ? cache : undefined;
      },
      15,
    );
    expect(conditionOf(observed, 'Reconciling')).toMatchObject({ status: 'True', reason: 'JobsRefused' });
    await world.kube.remove('ResourceQuota', 'quota');
    expect((await world.settled('cache', 60)).status).toMatchObject({ status: 'Succeeded' });
    expect(world.history.jobsOf(node)).toHaveLength(1);
  },
};

/** A quota of 0; it is enforced once its controller has counted. */
async function forbid({ kube }: World, what: string): Promise<void> {
  await kube.create('ResourceQuota', 'quota', { spec: { hard: { [what]: '0' } } });
  await eventually('the quota is enforced', async () =>
    JSON.stringify(await kube.get('ResourceQuota', 'quota')).includes('"used"'),
  );
}

const deletedJobs: Scenario = {
  name: 'creates a deleted Job again, and gives up after the third',
  needs: ['slow images'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await world.product.start();
    const image = await world.image('hang');
    await world.createCache('cache', [image]);
    for (const attempt of [1, 2, 3]) {
      const job = await eventually(`Job ${attempt}`, () => world.history.jobsOf(node)[attempt - 1]);
      await eventually('it has a Pod', () => world.history.podsThere().length === 1);
      await world.kube.remove('Job', job.metadata.name);
      await eventually(
        'its Pod is gone',
        () => world.history.podsThere().length === 0 || world.history.jobs().length > attempt,
      );
    }

    const { status } = await world.settled('cache');

    expect(status.failures[image]).toMatchObject([{ node, reason: 'JobLost' }]);
    expect(world.history.jobsOf(node)).toHaveLength(3);
    expect(world.history.jobsThere()).toEqual([]);
  },
};

const oneDeletedJob: Scenario = {
  name: 'recovers when a Job is deleted during a round',
  needs: ['slow images'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await world.product.start();
    const image = await world.image('slow');
    await world.createCache('cache', [image]);
    const job = await eventually('a Job', () => world.history.jobsOf(node)[0]);
    await world.kube.remove('Job', job.metadata.name);
    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', failures: {} });
    expect(world.history.jobsOf(node)).toHaveLength(2);
    expect(await world.imagesOn(node)).toEqual([image]);
  },
};

export const failing: readonly Scenario[] = [...failures, forbiddenPods, forbiddenJobs, deletedJobs, oneDeletedJob];
