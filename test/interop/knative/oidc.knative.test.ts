import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../behaviour/eventually.ts';
import { realNodesCluster } from '../../behaviour/real-nodes-cluster.ts';
import { createWorld } from '../../behaviour/world.ts';
import type { ClusterUnderTest } from '../../behaviour/cluster-under-test.ts';
import type { Lab } from '../../cluster/lab.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { deploy, installKnative, namespace, undeploy } from './install-knative.ts';
import { followPods } from './pod-logs.ts';
import { cacheEvent, postEvent } from './post-event.ts';
import { productOnKnative } from './product-on-knative.ts';

const way = 'our-source';
let lab: Lab;
let cluster: ClusterUnderTest;
const ends: (() => Promise<void>)[] = [];

const wantTokens = async (state: 'enabled' | 'disabled'): Promise<void> => {
  const data = JSON.stringify({ data: { 'authentication-oidc': state } });
  await lab.ask('-n', 'knative-eventing', 'patch', 'configmap', 'config-features', '-p', data);
};

beforeAll(async () => {
  lab = await sharedLab();
  await installKnative(lab);
  ends.push(() => wantTokens('disabled'));
  await wantTokens('enabled');
  ends.push(() => undeploy(lab, way));
  await deploy(lab, way);
  const logs = followPods(lab);
  ends.push(logs.stop);
  const nodes = await realNodesCluster(lab);
  ends.push(nodes.stop);
  const product = productOnKnative(lab, way, logs);
  cluster = { ...nodes, installed: { product: () => product, namespace } };
});
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

describe('a Broker that requires tokens', () => {
  it('rejects events without a token', async () => {
    await eventually(
      'events are rejected',
      async () => (await postEvent(lab, cacheEvent('default', 'cache'))).status === 401,
      60,
    );
  });

  it('accepts the events of the source', async () => {
    const world = await createWorld(cluster, { isClusterWide: true });
    try {
      await world.nodes.addOne();
      await world.product.start();
      await world.createCache('cache', [await world.image('good')]);
      expect((await world.settled('cache', 120)).status.status).toBe('Succeeded');
      expect(world.product.complaints()).toEqual([]);
    } finally {
      await world.end();
    }
  });
});
