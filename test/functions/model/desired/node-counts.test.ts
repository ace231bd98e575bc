import { expect, it } from 'vitest';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { pulling } from '../builders.ts';

it('node counts exclude skipped nodes from the desired ones', () => {
  const nodes = {
    n1: pulling({ state: 'Ready', noop: 'p' }),
    n2: pulling({ state: 'Failed' }),
    n3: pulling({ state: 'Pulling', images: 'Fp', opening: 'Noop', noop: 'p' }),
    n4: pulling({ state: 'Skipped', reason: 'NotReady' }),
  };
  const counts = { desired: 3, ready: 1, pulling: 1, failing: 0, failed: 1, held: 0, skipped: 1 };
  expect(nodeCounts(nodes)).toEqual(counts);
});
