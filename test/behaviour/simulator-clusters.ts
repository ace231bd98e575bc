import { afterAll } from 'vitest';
import { bundled, type Bundled } from './bundled.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { simulatorCluster } from './simulator-cluster.ts';

/**
 * Starts simulators for the tests of one file, and stops them after the last test. The product on them is bundled as in
 * its image, as starting it from sources takes twice as long and most of the suite's CPU time.
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
