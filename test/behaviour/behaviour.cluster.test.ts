import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedLab } from '../cluster/shared-lab.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { simulatedCluster, simulatedKind } from './simulated-cluster.ts';

const crd = join(import.meta.dirname, '../../crds/imagecache.yaml');

runScenarios(scenarios, simulatedKind, async () => {
  const lab = await sharedLab();
  await lab.apply(await readFile(crd, 'utf8'));
  await lab.simulate(1); // starts the simulator; each scenario adds nodes of its own
  return simulatedCluster(lab);
});
