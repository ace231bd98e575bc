import { expect, it } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';
import { labCluster } from './lab-cluster.ts';
import { failingHistories } from './run-history.ts';

const seeds = [1, 2];

it('ends as the rules say on real nodes, for two random histories', { timeout: 300_000 }, async () => {
  expect(await failingHistories(seeds, await labCluster(await sharedLab(), 'nodes'))).toEqual([]);
});
