import { expect, it } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';
import { labCluster } from './lab-cluster.ts';
import { failingHistories } from './run-history.ts';

const seeds = [1, 2, 5, 6, 7];

it(
  'ends as the rules say on a real control plane, for a few random histories at once',
  { timeout: 300_000 },
  async () => {
    expect(await failingHistories(seeds, await labCluster(await sharedLab(), 'control-plane'))).toEqual([]);
  },
);
