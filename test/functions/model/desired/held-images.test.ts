import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { heldImages } from '#model/desired/placements.ts';
import { cache, list, pulling, status } from '../builders.ts';

const placements = [{ ...list(['app:1', 'base:2']), sinceGeneration: 1, lists: [0] }];
const from = cache({ status: status({ placements, desired: { w1: [0] } }) });

const held = (entry: Partial<LedgerEntry>): readonly string[] =>
  heldImages(from, 'n1', pulling({ desiredHash: 'w1', ...entry }), 'w1');

describe('a node may have', () => {
  it.each([
    ['all images once it is Ready', { state: 'Ready', images: 'p' }, ['app:1', 'base:2']],
    ['none before its first attempt', { state: 'Pending', attempt: 0, images: 'w' }, []],
    ['none that its attempt failed to pull', { state: 'Failed', images: 'fp' }, ['base:2']],
    ['those that earlier attempts pulled', { state: 'Failed', images: 'f', hadImages: 'pf' }, ['app:1']],
    ['those that it fails to open', { opening: 'Noop', images: 'xe' }, ['app:1', 'base:2']],
    ['none to open that it failed to pull before', { opening: 'Noop', images: 'fx' }, ['base:2']],
  ] as const)('%s', (_, entry, images) => {
    expect(held(entry)).toEqual(images);
  });
});
