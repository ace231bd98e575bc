import { productProgram } from '../support/product-programs.ts';
import { labUnderTest } from './lab-under-test.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { simulatedCluster, simulatedKind } from './simulated-cluster.ts';

/** Bundled as in its image: a dozen products that start at once from sources take half a minute. */
runScenarios(scenarios, simulatedKind, async () => simulatedCluster(await labUnderTest(), await productProgram()));
