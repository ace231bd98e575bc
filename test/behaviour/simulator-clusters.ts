import { afterAll } from 'vitest';
import { bundled, type Bundled } from './bundled.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { simulatorCluster } from './simulator-cluster.ts';

/**
 * Starts simulators for the tests of one file, and ends them after the last of it. The product on them is that of its image:
 * bundled it starts in half the time of its sources, and starting it is most of what the suite's processors do.
 */
export function simulatorClusters(): () => Promise<ClusterUnderTest> {
  const stops: (() => Promise<void>)[] = [];
  let built: Promise<Bundled> | undefined;
  afterAll(async () => {
    for (const stop of stops) await stop();
    await (await built)?.remove();
  });
  return async () => {
    built ??= bundled();
    const cluster = await simulatorCluster((await built).program);
    stops.push(cluster.stop);
    return cluster;
  };
}
