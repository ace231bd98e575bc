import { describe, expect, it } from 'vitest';
import { formerDesired } from '#model/desired/former-desired.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { cache, list, settings, spec, status } from '../builders.ts';

const lists = [list(['a:1']), list(['b:1', 'a:1']), list(['c:1'])];
const before = cache({ spec: spec({ lists }) });
const hashOf = (...indexes: readonly number[]): string => desiredImagesOf(before, indexes, settings()).hash;

/** The cache after an edit that replaced all lists, with these desired hashes in its status. */
const edited = (desired: ImageCache['status']['desired'], fields: Partial<ImageCache['spec']> = {}): ImageCache =>
  cache({
    spec: spec({ lists: [list(['z:1'])], ...fields }),
    status: status({ desired, placements: lists.toReversed().map((each) => ({ ...each, sinceGeneration: 1 })) }),
  });

const formerImages = (cache: ImageCache): readonly (readonly string[])[] =>
  [...formerDesired(cache, settings()).values()].map(({ images }) => images);

describe('desired images of a former spec', () => {
  it('are found among the placements, in any order', () => {
    expect(formerImages(edited({ [hashOf(2)]: [2] }))).toEqual([['c:1']]);
    expect(formerImages(edited({ [hashOf(0, 1)]: [0, 1], [hashOf(1, 2)]: [1, 2] })).toSorted()).toEqual([
      ['a:1', 'b:1'],
      ['a:1', 'b:1', 'c:1'],
    ]);
  });

  it('are unknown if other fields changed too, or if there are too many placements', () => {
    expect(formerImages(edited({ [hashOf(2)]: [2] }, { imagePullSecrets: ['new'] }))).toEqual([]);
    const many = Array.from({ length: 60 }, (_, index) => ({ ...list([`m:${index}`]), sinceGeneration: 1 }));
    const desired = { unknown: [0, 1, 2] };
    expect(formerImages(cache({ spec: spec({ lists: [] }), status: status({ desired, placements: many }) }))).toEqual(
      [],
    );
  });
});
