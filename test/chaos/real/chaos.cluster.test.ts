import { expect, it } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { runRealSeeds } from './run-real-seeds.ts';

/** Each way of running the product is among them, and the API server is killed meanwhile. */
const seeds = [2, 3, 5, 6, 8];

it(
  'comes to the same end as without chaos on a real control plane, for a few seeds',
  { timeout: 300_000 },
  async () => {
    const results = await runRealSeeds(seeds, await sharedLab(), { atOnce: seeds.length });
    expect(results.map(({ seed, wrong }) => ({ seed, wrong }))).toEqual(seeds.map((seed) => ({ seed, wrong: [] })));
    expect(new Set(results.map(({ profile }) => profile))).toEqual(new Set(['standalone', 'routes', 'broker']));
    expect(results.every(({ requests }) => requests > 0)).toBe(true);
  },
);
