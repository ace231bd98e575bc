import { beforeAll, describe, expect, it, vi } from 'vitest';
import { needs, type ClusterKind, type ClusterUnderTest, type Need } from './cluster-under-test.ts';
import { setTimeFactor } from './time-factor.ts';
import type { Scenario } from './scenario.ts';
import { createWorld } from './world.ts';

/** Milliseconds for one scenario, including its wait for others. */
const timeout = 900_000;

/**
 * Runs a list of scenarios on a kind of cluster: concurrently as far as it allows, each on its own cluster if one starts at once; else
 * those that need a whole cluster one after another. Those that measure times run after all others. Scenarios that the cluster cannot
 * run are skipped with the reason.
 */
export function runScenarios(
  scenarios: readonly Scenario[],
  kind: ClusterKind,
  start: () => Promise<ClusterUnderTest>,
): void {
  vi.setConfig({ maxConcurrency: kind.atOnce });
  setTimeFactor(kind.timeFactor ?? 1);
  let shared: ClusterUnderTest | undefined;
  beforeAll(async () => {
    if (!kind.isStartedAtOnce) shared = await start();
  });
  const test = (scenario: Scenario) => async (context: { skip: (note: string) => void }) => {
    const reason = reasonToSkip(scenario, kind);
    if (reason !== undefined) context.skip(reason);
    if (shared !== undefined) return run(scenario, shared);
    const cluster = await start();
    await run(scenario, cluster).finally(cluster.stop);
  };
  const suite = (where: string, all: readonly Scenario[], register: (scenario: Scenario) => void): void => {
    if (all.length > 0) describe(`on ${kind.name}, ${where}, the product`, { timeout }, () => all.forEach(register));
  };
  const sideBySide = scenarios.filter((scenario) => !isAlone(scenario, kind));
  suite('side by side', longestFirst(sideBySide), (scenario) => {
    it.concurrent(scenario.name, test(scenario));
  });
  suite(
    'alone',
    scenarios.filter((scenario) => isAlone(scenario, kind)),
    (scenario) => {
      it(scenario.name, test(scenario));
    },
  );
}

function isAlone({ isMeasured, isClusterWide, hasProductToItself }: Scenario, kind: ClusterKind): boolean {
  if (isMeasured === true) return true;
  return kind.hasOneProduct === true ? hasProductToItself === true : isClusterWide === true && !kind.isStartedAtOnce;
}

/** Cluster-wide scenarios wait for a Lease to expire, so they start before the others. */
const longestFirst = (scenarios: readonly Scenario[]): readonly Scenario[] =>
  scenarios.toSorted((a, b) => Number(b.isClusterWide === true) - Number(a.isClusterWide === true));

function reasonToSkip({ needs: wanted = [], nodes = 1 }: Scenario, kind: ClusterKind): string | undefined {
  const lacking: readonly Need[] = wanted.filter((need) => !kind.has.has(need));
  if (lacking.length > 0) return `${kind.name} lacks ${lacking.map((need) => needs[need]).join(' and ')}`;
  return nodes > kind.nodes ? `${kind.name} has ${kind.nodes} nodes, and ${nodes} are needed` : undefined;
}

/** Runs one scenario in its own world, and prints the product's log if it fails. */
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
