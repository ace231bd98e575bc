import { afterAll } from 'vitest';
import type { ClusterKind, ClusterUnderTest } from '../../behaviour/cluster-under-test.ts';
import { realKind, realNodesCluster } from '../../behaviour/real-nodes-cluster.ts';
import { runScenarios } from '../../behaviour/run-scenarios.ts';
import { scenarios } from '../../behaviour/scenarios.ts';
import { sharedProduct } from '../../behaviour/shared-product.ts';
import type { Lab } from '../../cluster/lab.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { wakesFromZero } from './from-zero.ts';
import { deploy, installKnative, namespace, undeploy, type Way } from './install-knative.ts';
import { followPods, type PodLogs } from './pod-logs.ts';
import { productOnKnative } from './product-on-knative.ts';

/** Scenarios share the functions and the two nodes, so that they wait concurrently. */
const onKnative = { ...realKind, hasOneProduct: true, atOnce: 6, functionStart: 20_000 };
const kinds: Readonly<Record<Way, ClusterKind>> = {
  'our-source': { ...onKnative, name: 'Knative, fed by our source', timeFactor: 3 },
  'knative-sources': { ...onKnative, name: 'Knative, fed by its own sources', timeFactor: 4 },
};

type Deployed = { readonly lab: Lab; readonly logs: PodLogs; readonly nodes: ClusterUnderTest };

/** Runs the behaviour suite on Knative, as far as real nodes support it, after one cache has started all functions from zero. */
export function suiteOnKnative(way: Way): void {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });
  let deployed: Promise<Deployed> | undefined;
  const deployOnce = (): Promise<Deployed> => (deployed ??= deployedAs(way, ends));
  wakesFromZero(kinds[way].name, async () => {
    const { lab, logs, nodes } = await deployOnce();
    const product = productOnKnative(lab, way, logs, '* * * * *');
    return { lab, cluster: { ...nodes, installed: { product: () => product, namespace } } };
  });
  runScenarios(scenarios, kinds[way], async () => {
    const { lab, logs, nodes } = await deployOnce();
    return { ...nodes, installed: { product: sharedProduct(productOnKnative(lab, way, logs)), namespace } };
  });
}

/** Everything is installed but the sources of events, which the scenarios start. */
async function deployedAs(way: Way, ends: (() => Promise<void>)[]): Promise<Deployed> {
  const lab = await sharedLab();
  await installKnative(lab);
  await deploy(lab, way);
  ends.push(() => undeploy(lab, way));
  const logs = followPods(lab);
  ends.push(logs.stop);
  const nodes = await realNodesCluster(lab);
  ends.push(nodes.stop);
  await productOnKnative(lab, way, logs).stop();
  return { lab, logs, nodes };
}
