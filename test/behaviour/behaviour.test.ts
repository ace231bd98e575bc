import { simulatorKind } from './simulator-cluster.ts';
import { simulatorClusters } from './simulator-clusters.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

/** Scenarios that measure times are in `behaviour.quiet.test.ts`. */
runScenarios(
  scenarios.filter(({ isMeasured }) => isMeasured !== true),
  simulatorKind,
  simulatorClusters(),
);
