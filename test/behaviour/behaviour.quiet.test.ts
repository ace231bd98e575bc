import { simulatorKind } from './simulator-cluster.ts';
import { simulatorClusters } from './simulator-clusters.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

/** What measures a time: it runs when all other files are done. */
runScenarios(
  scenarios.filter(({ isMeasured }) => isMeasured === true),
  simulatorKind,
  simulatorClusters(),
);
