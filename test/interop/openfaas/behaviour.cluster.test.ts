import { join } from 'node:path';
import { describe, it } from 'vitest';
import { labUnderTest } from '../../behaviour/lab-under-test.ts';
import { runScenarios } from '../../behaviour/run-scenarios.ts';
import { simulatedCluster, simulatedKind } from '../../behaviour/simulated-cluster.ts';
import { productPrograms } from '../../support/product-programs.ts';
import { notOnOpenFaas, onOpenFaas } from './on-open-faas.ts';

/** Six processes per scenario: with more scenarios at once they wait for CPU time until they time out. */
const kind = { ...simulatedKind, name: 'simulated nodes, with functions behind a gateway', atOnce: 4 };

runScenarios(onOpenFaas, kind, async () => {
  const cluster = simulatedCluster(await labUnderTest());
  const env = { ...cluster.env, OPENFAAS_PROGRAMS: await productPrograms() };
  return { ...cluster, env, program: join(import.meta.dirname, 'launch.ts') };
});

describe('not tested on functions behind a gateway: the product', () => {
  it.for(notOnOpenFaas)('$name', (_, { skip }) => {
    skip('it measures times, needs the whole cluster, or is in a group that covers no other function or route');
  });
});
