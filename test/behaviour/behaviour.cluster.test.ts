import { labUnderTest } from './lab-under-test.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { simulatedCluster, simulatedKind } from './simulated-cluster.ts';

runScenarios(scenarios, simulatedKind, async () => simulatedCluster(await labUnderTest()));
