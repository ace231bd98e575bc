import { beforeAll, expect, it } from 'vitest';
import type { ClusterUnderTest } from '../../behaviour/cluster-under-test.ts';
import { eventually } from '../../behaviour/eventually.ts';
import { labUnderTest } from '../../behaviour/lab-under-test.ts';
import { isFinished } from '../../behaviour/observed.ts';
import { simulatedCluster } from '../../behaviour/simulated-cluster.ts';
import { outageOf } from './outage.ts';

let cluster: ClusterUnderTest;
beforeAll(async () => {
  cluster = simulatedCluster(await labUnderTest());
});

it('completes a round during which the gateway is stopped and restarted', async () => {
  await outageOf(cluster, async ({ world, nodes, platform, sourceLog }) => {
    await world.createCache('cache', [await world.image('good')]);
    await eventually('every node has its Job', () => world.history.jobs().length === nodes.length);
    await platform.stopGateway();
    await eventually('every Job has ended', () => world.history.jobs().every(isFinished));
    const inVain = (): number => sourceLog().filter((line) => line.includes('job-complete: no answer')).length;
    const before = inVain();
    await eventually('the last delivery has failed', () => inVain() > before, 60);
    expect(world.history.cache('cache')?.status.status).toBe('Processing');
    await platform.startGateway();
  });
});

it('retries an event whose function is killed while it handles it', async () => {
  await outageOf(cluster, async ({ world, nodes, platform, sourceLog }) => {
    const killed = Promise.withResolvers<undefined>();
    const onCut = (): void => {
      platform.kill('reconcile').then(() => killed.resolve(undefined), killed.reject);
    };
    world.connection?.cut({ after: 2, isHeard: false, onCut }); // the status, and the first Job
    await world.createCache('cache', [await world.image('good')]);
    await killed.promise;
    await eventually('the event was not accepted', () =>
      sourceLog().some((line) => line.includes('/function/imagecache-reconcile: 500')),
    );
    expect(world.history.jobs().length).toBeLessThan(nodes.length);
    world.connection?.cut(undefined);
    await platform.start('reconcile');
  });
});
