import { afterAll } from 'vitest';
import { embeddedCluster, embeddedKind } from './embedded-cluster.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

runScenarios(scenarios, embeddedKind, async () => {
  const cluster = await embeddedCluster();
  stops.push(cluster.stop);
  return cluster;
});
