import { afterAll } from 'vitest';
import { bundled, type Bundled } from './bundled.ts';
import { labUnderTest } from './lab-under-test.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { simulatedCluster, simulatedKind } from './simulated-cluster.ts';

let product: Promise<Bundled> | undefined;
afterAll(async () => {
  await (await product)?.remove();
});

/** Bundled as in its image: a dozen products that start at once from sources take half a minute. */
runScenarios(scenarios, simulatedKind, async () => {
  product ??= bundled();
  return simulatedCluster(await labUnderTest(), (await product).program);
});
