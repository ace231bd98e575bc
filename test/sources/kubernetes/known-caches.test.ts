import { describe, expect, it } from 'vitest';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { newEntry, type LedgerEntry } from '#model/cache/ledger.ts';
import { createKnownCaches, tryParse } from '../../../sources/kubernetes/known-caches.ts';
import { imageCaches, referenceOf } from '../../../sources/kubernetes/resource.ts';
import { cache, list, spec, status } from '../../functions/model/builders.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { imageCache } from '../objects.ts';

const entry = (of: Partial<LedgerEntry> = {}): LedgerEntry => ({ ...newEntry('id-1', 'want'), ...of });
const pulling = entry({ state: 'Pulling', attempt: 1 });
const ready = entry({ state: 'Ready', attempt: 1 });

/** A cache of three images with these nodes in its ledger. */
const holding = (nodes: Readonly<Record<string, LedgerEntry>>, isSeen = true): ImageCache =>
  cache({
    spec: spec({ lists: [list(['a:1', 'b:1', 'c:1'])] }),
    status: status({ nodes, desired: { want: [0], other: [0] }, ...(isSeen ? { observedGeneration: 1 } : {}) }),
  });

async function told(...states: readonly ImageCache[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const clock = fakeClock();
  const meter = {
    record: (name: string, value: number, labels = {}) =>
      void lines.push(`${name.replace('imagecache_', '')} ${Object.values(labels).join()} ${value}`),
  };
  const { onChange } = createKnownCaches({ clock, meter });
  const common = { reference: referenceOf(imageCaches, 'apps/web'), uid: 'u', resourceVersion: '1' };
  for (const [index, state] of states.entries()) {
    const before = states[index - 1];
    const previous = before === undefined ? undefined : { cache: before };
    onChange({ ...common, verb: before === undefined ? 'add' : 'update', previous, current: { cache: state } });
    await clock.advance(10_000);
  }
  return lines;
}

describe('a change of the ledger is counted', () => {
  it.each([
    { when: 'a node has all images', after: ready, says: ['succeeded 3'] },
    {
      when: 'a first attempt failed for one image',
      after: entry({ state: 'Pending', images: 'prp' }),
      says: ['succeeded 2', 'failed 1'],
    },
    {
      when: 'the last attempt failed for all images',
      after: entry({ state: 'Failed', images: 'f' }),
      says: ['failed 3'],
    },
    { when: 'the Pod was lost', after: entry({ state: 'Pending', attempt: 1 }), says: ['lost 3'] },
    { when: 'it still pulls', after: pulling, says: [] },
    { when: 'the desired images changed', after: entry({ desiredHash: 'other', state: 'Ready' }), says: [] },
    { when: 'the node was replaced', after: entry({ id: 'id-2', state: 'Ready' }), says: [] },
    { when: 'the node was deleted', after: undefined, says: [] },
  ])('as pulls when $when: $says', async ({ after, says }) => {
    const lines = await told(holding({ 'node-1': pulling }), holding(after === undefined ? {} : { 'node-1': after }));
    expect(lines.filter((line) => line.startsWith('pulls'))).toEqual(says.map((each) => `pulls_total ${each}`));
  });

  it('as pulls when the next attempt starts in the same write', async () => {
    const next = entry({ state: 'Pulling', attempt: 2, images: 'prp' });
    expect(await told(holding({ a: pulling }), holding({ a: next }), holding({ a: ready }))).toEqual([
      'pulls_total succeeded 2',
      'pulls_total failed 1',
      'pulls_total succeeded 1',
    ]);
    expect(await told(holding({ a: pulling }), holding({ a: { ...pulling, attempt: 2 } }))).toEqual([
      'pulls_total lost 3',
    ]);
  });

  it('as pulls of the images of that attempt only', async () => {
    const second = entry({ state: 'Pulling', attempt: 2, images: 'ppr' });
    expect(await told(holding({ a: second }), holding({ a: ready }))).toEqual(['pulls_total succeeded 1']);
    expect(await told(holding({ a: second }), holding({ a: { ...second, state: 'Pending' } }))).toEqual([
      'pulls_total lost 1',
    ]);
  });

  it.each([
    {
      when: 'the cache was created',
      states: [holding({}, false), holding({ a: pulling }), holding({ a: ready })],
      says: 'created 10',
    },
    {
      when: 'the node joined',
      states: [holding({}), holding({ a: pulling }), holding({ a: ready })],
      says: 'joined 10',
    },
    { when: 'it joined with all images', states: [holding({}), holding({ a: ready })], says: 'joined 0' },
    {
      when: 'the node was replaced under its name',
      states: [
        holding({ a: ready }),
        holding({ a: entry({ id: 'id-2', state: 'Pulling' }) }),
        holding({ a: { ...ready, id: 'id-2' } }),
      ],
      says: 'joined 10',
    },
    {
      when: 'the desired images changed and are present',
      states: [
        holding({ a: ready }),
        holding({ a: { ...pulling, desiredHash: 'other' } }),
        holding({ a: { ...ready, desiredHash: 'other' } }),
      ],
      says: 'changed 10',
    },
    {
      when: 'it failed at first',
      states: [
        holding({}),
        holding({ a: pulling }),
        holding({ a: entry({ state: 'Failed', images: 'fp' }) }),
        holding({ a: pulling }),
        holding({ a: ready }),
      ],
      says: 'joined 30',
    },
    {
      when: 'it could not be served for a while',
      states: [
        holding({}),
        holding({ a: entry({ state: 'Skipped' }) }),
        holding({ a: pulling }),
        holding({ a: ready }),
      ],
      says: 'joined 10',
    },
    {
      when: 'a refresh checks it again',
      states: [holding({ a: ready }), holding({ a: pulling }), holding({ a: ready })],
      says: undefined,
    },
    { when: 'the start was not observed', states: [holding({ a: pulling }), holding({ a: ready })], says: undefined },
  ])('as a warm node when $when: $says', async ({ states, says }) => {
    const lines = (await told(...states)).filter((line) => line.startsWith('node_warm'));
    expect(lines).toEqual(says === undefined ? [] : [`node_warm_seconds ${says}`]);
  });

  it('not for a node that left before it was warm', async () => {
    const lines = await told(holding({}), holding({ a: pulling }), holding({}), holding({ a: ready }));
    expect(lines).toContain('node_warm_seconds joined 0');
    expect(lines.filter((line) => line.startsWith('node_warm'))).toHaveLength(1);
  });
});

it('an object that cannot be parsed is not counted', () => {
  expect(tryParse(imageCache({ uid: 'u', resourceVersion: '1' }, { spec: { cacheSpec: 7 } })).cache).toBeUndefined();
  expect(tryParse(imageCache({ uid: 'u', resourceVersion: '1' }, { spec: { cacheSpec: [] } })).cache?.name).toBe('web');
});
