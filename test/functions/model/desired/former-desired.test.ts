import { describe, expect, it } from 'vitest';
import { formerDesired } from '#model/desired/former-desired.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { cache, list, settings, spec, status } from '../builders.ts';

const lists = [list(['a:1']), list(['b:1', 'a:1']), list(['c:1'])];
const before = cache({ spec: spec({ lists }) });
const wantOf = (...of: readonly number[]): string => desiredImagesOf(before, of, settings()).hash;

/** The cache after an edit that left nothing of its lists, with these wants in its ledger. */
const edited = (wants: ImageCache['status']['desired'], of: Partial<ImageCache['spec']> = {}): ImageCache =>
  cache({
    spec: spec({ lists: [list(['z:1'])], ...of }),
    status: status({ desired: wants, placements: lists.toReversed().map((each) => ({ ...each, sinceGeneration: 1 })) }),
  });

const imagesOf = (of: ImageCache): readonly (readonly string[])[] =>
  [...formerDesired(of, settings()).values()].map(({ images }) => images);

describe('what nodes were to hold by a spec that was edited', () => {
  it('is found among the lists that were placed, whatever their order', () => {
    expect(imagesOf(edited({ [wantOf(2)]: [2] }))).toEqual([['c:1']]);
    expect(imagesOf(edited({ [wantOf(0, 1)]: [0, 1], [wantOf(1, 2)]: [1, 2] })).toSorted()).toEqual([
      ['a:1', 'b:1'],
      ['a:1', 'b:1', 'c:1'],
    ]);
  });

  it('is not known where something else of it changed with the lists, nor beyond so many lists', () => {
    expect(imagesOf(edited({ [wantOf(2)]: [2] }, { imagePullSecrets: ['new'] }))).toEqual([]);
    const many = Array.from({ length: 60 }, (_, index) => ({ ...list([`m:${index}`]), sinceGeneration: 1 }));
    const wants = { unknown: [0, 1, 2] };
    expect(
      imagesOf(cache({ spec: spec({ lists: [] }), status: status({ desired: wants, placements: many }) })),
    ).toEqual([]);
  });
});
