import { expect, it, describe } from 'vitest';
import { newRemovalEntry, removalStates, type RemovalEntry } from '#model/cache/removal-ledger.ts';
import { roundRemovalEvent } from '#model/removal/removal-report.ts';
import { cache, round, status, noon, settings } from '../builders.ts';
import fc from 'fast-check';
import { failureCount } from '#model/cache/failures.ts';
import { reportedStatus } from '#model/report/reported-status.ts';

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

const images = ['app:1', 'base:2'];

// A purge keeps nothing for a time: `keepSeconds` is of images that left the spec.
const statesOfPurge = removalStates.filter((state) => state !== 'Kept');
const anyEntry = fc
  .record({
    state: fc.constantFrom(...statesOfPurge),
    reason: fc.constantFrom('NotReady', 'BeingDeleted', 'Virtual'),
    spared: fc.nat({ max: 2 }),
    removed: fc.nat({ max: 2 }),
  })
  .map(({ state, reason, ...counts }): RemovalEntry => {
    const entry = { ...newRemovalEntry('id', 'hash', 2), state };
    if (state === 'Removed') return { ...entry, ...counts };
    return state === 'Skipped' || state === 'Failed' ? { ...entry, reason } : entry;
  });
const anyRemovals = fc
  .array(anyEntry, { maxLength: 6 })
  .map((entries) => Object.fromEntries(entries.map((entry, index) => [`node-${index}`, entry])));
const staleFailures = { 'app:1': [{ node: 'node-0', reason: 'NotReady', message: 'Check if node is ready' }] };

const reported = (removals: Readonly<Record<string, RemovalEntry>>, failures = {}) =>
  reportedStatus(
    cache({
      status: status({
        ...{ status: 'Processing', completionTime: noon, failures, removals, toRemove: { hash: images } },
        round: round({ operation: 'Purge' }),
      }),
    }),
    false,
    { settings: settings(), scheduled: undefined, now: noon },
  );

describe('the status of a purge', () => {
  it('says of every node whether its images are gone, and names in failures exactly those that owe them', () => {
    fc.assert(
      fc.property(anyRemovals, fc.constantFrom({}, staleFailures), (removals, failures) => {
        const told = reported(removals, failures);
        const entries = Object.entries(removals);
        const owing = entries.filter(
          ([, { state, reason }]) => state === 'Failed' || (state === 'Skipped' && reason !== 'Virtual'),
        );
        const isWorking = entries.some(([, { state }]) => state === 'Pending' || state === 'Removing');
        const named = new Set(Object.values(told.failures).flatMap((each) => each.map(({ node }) => node)));
        expect(named).toEqual(new Set(owing.map(([name]) => name)));
        expect(told.status === 'Failed').toBe(owing.length > 0);
        expect(told.status === 'Processing').toBe(owing.length === 0 && isWorking);
        if (told.status === 'Succeeded') {
          expect(failureCount(told.failures)).toBe(0);
          expect(entries.some(([, { state }]) => state === 'Removed')).toBe(true);
        }
        expect(told.conditions.map(({ status: is }) => is)).toEqual([
          'False',
          isWorking ? 'True' : 'False',
          owing.length > 0 && !isWorking ? 'True' : 'False',
        ]);
        if (owing.length > 0 || isWorking) return;
        const done = entries.filter(([, { state }]) => state === 'Removed').map(([, entry]) => entry);
        const spared = done.reduce((sum, entry) => sum + entry.spared, 0);
        const skipped = done.length === 0 ? entries.length : 0;
        const numbers = (told.message.match(/\d+/g) ?? []).map(Number);
        const sparing = done.filter((entry) => entry.spared > 0).length;
        expect(numbers).toEqual(spared > 0 ? [spared, sparing] : skipped > 0 ? [skipped] : []);
      }),
      { numRuns: 300 },
    );
  });

  it('is written once: the same ledger gives the same status again', () => {
    fc.assert(
      fc.property(anyRemovals, (removals) => {
        const told = reported(removals, staleFailures);
        expect(
          reportedStatus(cache({ status: told }), false, {
            settings: settings(),
            scheduled: undefined,
            now: noon + 1000,
          }),
        ).toEqual(told);
      }),
    );
  });

  it('keeps its words when the nodes that it emptied have left', () => {
    const told = reported({ 'node-0': { ...newRemovalEntry('id', 'hash', 2), state: 'Removed', removed: 2 } });
    const later = reportedStatus(cache({ status: { ...told, removals: {} } }), false, {
      settings: settings(),
      scheduled: undefined,
      now: noon,
    });
    expect([later.status, later.message]).toEqual([
      'Succeeded',
      'All cached images succesfully deleted from respective nodes',
    ]);
  });
});
