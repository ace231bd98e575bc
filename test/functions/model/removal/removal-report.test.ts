import { expect, it } from 'vitest';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { roundRemovalEvent } from '#model/removal/removal-report.ts';
import { cache, round, status } from '../builders.ts';

it('the Event names an image that stays on many nodes once', () => {
  const spared = { image: 'base:2', reason: 'Wanted', by: 'shop/cart' } as const;
  const removals = Object.fromEntries(
    ['node-1', 'node-2', 'node-3'].map((name) => [
      name,
      { ...newRemovalEntry('id', 'hash', 2), state: 'Removed' as const, spared: 1, sparedImages: [spared] },
    ]),
  );
  const purged = cache({ status: status({ removals, round: round({ number: 2, operation: 'Purge' }) }) });
  expect(roundRemovalEvent(purged).map(({ message }) => message)).toEqual([
    'Spared 3 images: base:2 on 3 nodes (Wanted, shop/cart)',
  ]);
});
