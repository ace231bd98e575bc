import { simulatorKind } from './simulator-cluster.ts';
import { simulatorClusters } from './simulator-clusters.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

/** Scenarios that measure times: they run after all other files, in `npm run test:all` only, as a control plane plays them, too. */
runScenarios(
  scenarios.filter(({ isMeasured }) => isMeasured === true),
  simulatorKind,
  simulatorClusters(),
);
