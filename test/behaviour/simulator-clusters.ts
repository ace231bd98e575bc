import { afterAll } from 'vitest';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { product } from './product.ts';
import type { Use } from './run-scenarios.ts';
import { sharedProduct } from './shared-product.ts';
import { simulatorCluster } from './simulator-cluster.ts';

/** Exists in every cluster. */
const namespace = 'default';

/**
 * Starts simulators for the tests of one file. Scenarios that share a simulator also share its product, which sees the whole cluster, as
 * in production.
 */
export function simulatorClusters(): (use: Use) => Promise<ClusterUnderTest> {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const end of ends) await end();
  });
  return async (use) => {
    const cluster = await simulatorCluster();
    if (use === 'own') return cluster;
    ends.push(cluster.stop);
    const env = { KUBEFLEDGED_NAMESPACE: namespace, TICK_SCHEDULE: '' };
    return { ...cluster, installed: { product: sharedProduct(product({ ...cluster, env })), namespace } };
  };
}
