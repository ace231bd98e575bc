import { afterAll } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';
import { installCrd } from './lab-under-test.ts';
import { realKind, realNodesCluster } from './real-nodes-cluster.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

runScenarios(scenarios, realKind, async () => {
  const lab = await sharedLab();
  await installCrd(lab);
  const cluster = await realNodesCluster(lab);
  stops.push(cluster.stop);
  return cluster;
});
