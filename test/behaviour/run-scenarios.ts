import { beforeAll, describe, expect, it, vi } from 'vitest';
import { needs, type ClusterKind, type ClusterUnderTest, type Need } from './cluster-under-test.ts';
import type { Scenario } from './scenario.ts';
import { createWorld } from './world.ts';

/** Milliseconds for one scenario, its wait for others included. */
const timeout = 900_000;

/**
 * Puts a cluster under a list of scenarios: side by side as far as it bears it, those that look at the whole cluster one after another.
 * What the cluster lacks is skipped with its reason.
 */
export function runScenarios(
  scenarios: readonly Scenario[],
  kind: ClusterKind,
  start: () => Promise<ClusterUnderTest>,
): void {
  vi.setConfig({ maxConcurrency: kind.atOnce });
  let cluster: Promise<ClusterUnderTest>;
  beforeAll(async () => {
    cluster = start();
    await cluster;
  });
  const test = (scenario: Scenario) => async (context: { skip: (note: string) => void }) => {
    const reason = reasonToSkip(scenario, kind);
    if (reason !== undefined) context.skip(reason);
    await run(scenario, await cluster);
  };
  describe(`on ${kind.name}, side by side, the product`, { timeout }, () => {
    for (const scenario of scenarios) if (scenario.isClusterWide !== true) it.concurrent(scenario.name, test(scenario));
  });
  describe(`on ${kind.name}, alone, the product`, { timeout }, () => {
    for (const scenario of scenarios) if (scenario.isClusterWide === true) it(scenario.name, test(scenario));
  });
}

function reasonToSkip({ needs: wanted = [], nodes = 1 }: Scenario, kind: ClusterKind): string | undefined {
  const lacking: readonly Need[] = wanted.filter((need) => !kind.has.has(need));
  if (lacking.length > 0) return `${kind.name} lacks ${lacking.map((need) => needs[need]).join(' and ')}`;
  return nodes > kind.nodes ? `${kind.name} has ${kind.nodes} nodes, and ${nodes} are needed` : undefined;
}

/** Runs one scenario in a world of its own. When it fails, what the product said of it is told. */
async function run(scenario: Scenario, cluster: ClusterUnderTest): Promise<void> {
  const world = await createWorld(cluster, { isClusterWide: scenario.isClusterWide === true });
  try {
    await scenario.run(world);
    if (scenario.mayComplain !== true) expect(world.product.complaints()).toEqual([]);
  } catch (error) {
    console.error([`--- ${scenario.name}: the product's log`, ...world.product.log().slice(-40)].join('\n'));
    throw error;
  } finally {
    await world.end();
  }
}
