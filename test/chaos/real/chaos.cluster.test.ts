import { expect, it } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { runRealSeeds } from './run-real-seeds.ts';

/** They include each way of running the product, and the API server is killed meanwhile. Seeds with many caches take minutes: `npm run chaos -- --real`. */
const seeds = [2, 3, 5, 6, 8];

it(
  'reaches the same end state as without chaos on a real control plane, for a few seeds',
  { timeout: 600_000 },
  async () => {
    const results = await runRealSeeds(seeds, await sharedLab(), { atOnce: seeds.length });
    expect(results.map(({ seed, wrong }) => ({ seed, wrong }))).toEqual(seeds.map((seed) => ({ seed, wrong: [] })));
    expect(new Set(results.map(({ profile }) => profile))).toEqual(new Set(['standalone', 'routes', 'broker']));
    expect(results.every(({ requests }) => requests > 0)).toBe(true);
  },
);
