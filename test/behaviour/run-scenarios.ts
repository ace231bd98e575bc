import { describe, expect, it, vi } from 'vitest';
import { needs, type ClusterKind, type ClusterUnderTest, type Need } from './cluster-under-test.ts';
import { isSharedMachine, setTimeFactor } from './time-factor.ts';
import type { Scenario } from './scenario.ts';
import { createWorld } from './world.ts';

/** Milliseconds for one scenario, including its wait for others. */
const timeout = 900_000;

/** The cluster that the scenarios share, or one of a scenario's own. */
export type Use = 'shared' | 'own';

/**
 * Runs a list of scenarios on one cluster, concurrently as far as it allows. Those that need a whole cluster have one of their own if it
 * starts at once, else they run one after another. Those that measure times run after all others. Scenarios that the cluster cannot run
 * are skipped with the reason.
 */
export function runScenarios(
  scenarios: readonly Scenario[],
  kind: ClusterKind,
  start: (use: Use) => Promise<ClusterUnderTest>,
): void {
  vi.setConfig({ maxConcurrency: kind.atOnce });
  setTimeFactor(kind.timeFactor ?? 1, kind.functionStart);
  let shared: Promise<ClusterUnderTest> | undefined;
  const test = (scenario: Scenario) => async (context: { skip: (note: string) => void }) => {
    const reason = reasonToSkip(scenario, kind);
    if (reason !== undefined) context.skip(reason);
    if (!kind.isStartedAtOnce || canShare(scenario)) return run(scenario, await (shared ??= start('shared')));
    const cluster = await start('own');
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
  if (isMeasured === true || kind.isStartedAtOnce) return isMeasured === true;
  return (kind.hasOneProduct === true ? hasProductToItself : isClusterWide) === true;
}

const canShare = ({ isMeasured, isClusterWide, hasProductToItself }: Scenario): boolean =>
  isMeasured !== true && isClusterWide !== true && hasProductToItself !== true;

/** Cluster-wide scenarios wait for a Lease to expire, so they start before the others. */
const longestFirst = (scenarios: readonly Scenario[]): readonly Scenario[] =>
  scenarios.toSorted((a, b) => Number(b.isClusterWide === true) - Number(a.isClusterWide === true));

function reasonToSkip(scenario: Scenario, kind: ClusterKind): string | undefined {
  const { needs: wanted = [], nodes = 1, isMeasured } = scenario;
  if (isMeasured === true && isSharedMachine) return 'it measures times, and other tests run on this machine';
  const lacking: readonly Need[] = wanted.filter((need) => !kind.has.has(need));
  if (lacking.length > 0) return `${kind.name} lacks ${lacking.map((need) => needs[need]).join(' and ')}`;
  return nodes > kind.nodes ? `${kind.name} has ${kind.nodes} nodes, and ${nodes} are needed` : undefined;
}

/** Runs one scenario in its own world, and prints the product's log if it fails. */
async function run(scenario: Scenario, cluster: ClusterUnderTest): Promise<void> {
  const world = await createWorld(cluster, { isClusterWide: scenario.isClusterWide === true });
  try {
    await scenario.run(world);
    expect(world.product.complaints()).toEqual([]);
  } catch (error) {
    console.error([`--- ${scenario.name}: the product's log`, ...world.product.log().slice(-40)].join('\n'));
    throw error;
  } finally {
    await world.end();
  }
}
