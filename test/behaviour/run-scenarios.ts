import { beforeAll, describe, expect, it, vi } from 'vitest';
import { needs, type ClusterKind, type ClusterUnderTest, type Need } from './cluster-under-test.ts';
import { setTimeFactor } from './time-factor.ts';
import type { Scenario } from './scenario.ts';
import { createWorld } from './world.ts';

/** Milliseconds for one scenario, its wait for others included. */
const timeout = 900_000;

/**
 * Puts a kind of cluster under a list of scenarios: side by side as far as it bears it, those that need all of a cluster on one of their own
 * or else one after another, and those that measure a time after all others. What the cluster lacks is skipped with its reason.
 */
export function runScenarios(
  scenarios: readonly Scenario[],
  kind: ClusterKind,
  start: () => Promise<ClusterUnderTest>,
): void {
  vi.setConfig({ maxConcurrency: kind.atOnce });
  setTimeFactor(kind.timeFactor ?? 1);
  let shared: Promise<ClusterUnderTest>;
  beforeAll(async () => {
    shared = start();
    await shared;
  });
  const hasItsOwn = ({ isClusterWide }: Scenario): boolean => isClusterWide === true && kind.isStartedAtOnce;
  const test = (scenario: Scenario) => async (context: { skip: (note: string) => void }) => {
    const reason = reasonToSkip(scenario, kind);
    if (reason !== undefined) context.skip(reason);
    await run(scenario, await (hasItsOwn(scenario) ? start() : shared));
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

/** Those that look at the whole cluster wait for a Lease to expire, so they begin before the others. */
const longestFirst = (scenarios: readonly Scenario[]): readonly Scenario[] =>
  scenarios.toSorted((a, b) => Number(b.isClusterWide === true) - Number(a.isClusterWide === true));

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
