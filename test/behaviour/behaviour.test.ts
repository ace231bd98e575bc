import { embeddedKind } from './embedded-cluster.ts';
import { embeddedClusters } from './embedded-clusters.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

/** Those that measure a time are in `behaviour.quiet.test.ts`. */
runScenarios(
  scenarios.filter(({ isMeasured }) => isMeasured !== true),
  embeddedKind,
  embeddedClusters(),
);
