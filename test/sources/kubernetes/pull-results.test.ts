import { expect, it } from 'vitest';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { pullResults } from '../../../sources/kubernetes/known-caches.ts';
import { openCache, pulling } from '../../functions/model/builders.ts';

it('does not count images that a node does not try', () => {
  const of = (entry: Partial<LedgerEntry>) => openCache({ 'node-1': pulling({ absentImages: [1], ...entry }) });
  const before = of({ state: 'Pulling', pendingImages: [0] });
  const after = of({ state: 'Failed', failedImages: [1] });
  expect(pullResults(before, after)).toEqual({ succeeded: 1, failed: 0, lost: 0 });
});
