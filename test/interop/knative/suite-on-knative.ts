import { afterAll } from 'vitest';
import type { ClusterKind } from '../../behaviour/cluster-under-test.ts';
import { realKind, realNodesCluster } from '../../behaviour/real-nodes-cluster.ts';
import { runScenarios } from '../../behaviour/run-scenarios.ts';
import { scenarios } from '../../behaviour/scenarios.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { deploy, installKnative, namespace, undeploy, type Way } from './install-knative.ts';
import { followPods } from './pod-logs.ts';
import { productOnKnative } from './product-on-knative.ts';

const kinds: Readonly<Record<Way, ClusterKind>> = {
  'our-source': { ...realKind, name: 'Knative, fed by our source', patience: 3 },
  'knative-sources': { ...realKind, name: 'Knative, fed by its own sources', patience: 4 },
};

/** Puts the functions on Knative under the behaviour suite, as far as real nodes can show it. */
export function suiteOnKnative(way: Way): void {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });
  runScenarios(scenarios, kinds[way], async () => {
    const lab = await sharedLab();
    await installKnative(lab);
    await deploy(lab, way);
    ends.push(() => undeploy(lab, way));
    const logs = followPods(lab);
    ends.push(logs.stop);
    const cluster = await realNodesCluster(lab);
    ends.push(cluster.stop);
    const product = productOnKnative(lab, way, logs);
    await product.stop(); // the scenarios say when it begins
    return { ...cluster, installed: { product, namespace } };
  });
}
