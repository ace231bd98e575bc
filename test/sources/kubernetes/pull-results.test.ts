import { expect, it } from 'vitest';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { pullResults } from '../../../sources/kubernetes/known-caches.ts';
import { openCache, pulling } from '../../functions/model/builders.ts';

it('does not count images that a node does not try', () => {
  const of = (entry: Partial<LedgerEntry>) => openCache({ 'node-1': pulling(entry) });
  const before = of({ state: 'Pulling', images: 'wa' });
  const after = of({ state: 'Failed', images: 'pa' });
  expect(pullResults(before, after)).toEqual({ succeeded: 1, failed: 0, lost: 0 });
});
