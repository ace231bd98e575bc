import { expect } from 'vitest';
import type { ClusterUnderTest } from '../../behaviour/cluster-under-test.ts';
import { eventually } from '../../behaviour/eventually.ts';
import { createWorld, type World } from '../../behaviour/world.ts';
import { productPrograms } from '../../support/product-programs.ts';
import { startPlatform, type Platform } from './platform.ts';

export type Outage = {
  readonly world: World;
  /** Three nodes. */
  readonly nodes: readonly string[];
  readonly platform: Platform;
  /** The log lines of the source. */
  readonly sourceLog: () => readonly string[];
};

/**
 * Runs a platform without ticks, so that events that are not retried are lost; `go` starts a round of the cache `cache` with one good image, and
 * breaks and repairs something; then expects the round to succeed, with one Job per node.
 */
export async function outageOf(cluster: ClusterUnderTest, go: (outage: Outage) => Promise<void>): Promise<void> {
  const world = await createWorld(cluster, { isClusterWide: false });
  const lines: string[] = [];
  const platform = await startPlatform({
    programs: await productPrograms(),
    flags: [`--kubeconfig=${cluster.kubeconfig}`, `--master=${world.connection?.url ?? cluster.master}`],
    env: {
      ...cluster.env,
      PATH: process.env['PATH'],
      KUBEFLEDGED_NAMESPACE: world.namespace,
      TICK_SCHEDULE: '',
      LEADER_ELECTION: 'false',
    },
    onLine: (line, from) => {
      if (from === 'source') lines.push(line);
    },
  });
  try {
    const nodes = await world.nodes.add(3);
    platform.startSource();
    await eventually('the source is ready', () => lines.some((line) => line.includes('"msg":"synced"')), 60);
    await go({ world, nodes, platform, sourceLog: () => lines });
    const { status } = await world.settled('cache', 60);
    expect(status).toMatchObject({ status: 'Succeeded', nodeCounts: { ready: 3, failed: 0 } });
    expect(nodes.map((node) => world.history.jobsOf(node).length)).toEqual([1, 1, 1]);
    await eventually('no Job is left', () => world.history.jobsThere().length === 0);
  } finally {
    await platform.stop();
    await world.end();
  }
}
