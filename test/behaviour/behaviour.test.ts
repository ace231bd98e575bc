import { repetitions } from '../support/repetitions.ts';
import { simulatorKind } from './simulator-cluster.ts';
import { simulatorClusters } from './simulator-clusters.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

const isFull = repetitions(0, 1) === 1;

/** Scenarios that measure times are in `behaviour.quiet.test.ts`. */
runScenarios(
  scenarios.filter(({ isMeasured, isLong }) => isMeasured !== true && (isFull || isLong !== true)),
  simulatorKind,
  simulatorClusters(),
);
