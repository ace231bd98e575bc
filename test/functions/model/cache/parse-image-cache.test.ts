import { describe, expect, it } from 'vitest';
import { nothingFound } from '#model/cache/found-images.ts';
import { emptyStatus } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { list, spec } from '../builders.ts';

describe('parsed ImageCache', () => {
  const metadata = { namespace: 'apps', name: 'web', uid: 'u', resourceVersion: '1' };

  it('has every field of its spec', () => {
    expect(parseImageCache({ metadata, spec: { cacheSpec: [{ images: ['a:1'] }] } })).toEqual({
      ...{ ...metadata, generation: 0, isBeingDeleted: false, finalizers: [], annotations: {}, status: emptyStatus },
      ...{ discardedFormat: undefined, isStatusPruned: false, annotatedAt: {} },
      found: nothingFound,
      spec: spec({ lists: [list(['a:1'])] }),
    });
  });

  it('treats null as absent, and ignores a secret without a name', () => {
    const read = parseImageCache({
      metadata: { ...metadata, annotations: null },
      spec: {
        cacheSpec: [{ images: null, nodeSelector: null }],
        imagePullSecrets: [{ name: 's' }, {}, { name: '' }, { name: 's' }],
        tolerations: null,
      },
      status: null,
    });
    expect(read.spec).toEqual(spec({ lists: [list([])], imagePullSecrets: ['s'] }));
    expect(read.status).toEqual(emptyStatus);
  });

  it.each([
    [{ status: 'Odd' }, { status: 'Unknown' }],
    [
      { status: 3, nodes: 'x' },
      { status: 'Unknown', nodes: {} },
    ],
    [{ nodes: { n: { state: 'Odd' } } }, { nodes: {} }],
    [
      { nodes: { n: { id: 'a', desiredHash: 'b', state: 'Pulling', opening: 'OfAnotherVersion' } } },
      { nodes: { n: { opening: 'Noop' } } },
    ],
    [{ round: { number: 'x' } }, { round: undefined }],
    [{ failures: { a: [{ node: 1 }] } }, { failures: {} }],
    [
      { startTime: null, completionTime: 7 },
      { startTime: undefined, completionTime: undefined },
    ],
  ])('treats invalid fields of its status as absent, or as what they can be: %j', (given, expected) => {
    expect(parseImageCache({ metadata, status: { format: 1, ...given } }).status).toMatchObject(expected);
  });

  it('is rejected with the name of an invalid field of the spec', () => {
    expect(() => parseImageCache({ metadata, spec: { cacheSpec: [{ images: [1] }] } })).toThrow(/cacheSpec/);
  });
});
