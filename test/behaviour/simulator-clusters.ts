import { afterAll } from 'vitest';
import { bundled, type Bundled } from './bundled.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { simulatorCluster } from './simulator-cluster.ts';

/**
 * Starts simulators for the tests of one file. The product on them is bundled as in its image, as starting it from sources
 * takes twice as long and most of the suite's CPU time.
 */
export function simulatorClusters(): () => Promise<ClusterUnderTest> {
  let built: Promise<Bundled> | undefined;
  afterAll(async () => {
    await (await built)?.remove();
  });
  return async () => {
    built ??= bundled();
    return simulatorCluster((await built).program);
  };
}
