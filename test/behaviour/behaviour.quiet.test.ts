import { embeddedKind } from './embedded-cluster.ts';
import { embeddedClusters } from './embedded-clusters.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

/** What measures a time: it runs when all other files are done. */
runScenarios(
  scenarios.filter(({ isMeasured }) => isMeasured === true),
  embeddedKind,
  embeddedClusters(),
);
