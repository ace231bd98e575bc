import { describe, expect, it } from 'vitest';
import type { Condition, ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { isSettled, outcomeLines, progressLines } from '../../../deploy/standalone/progress.ts';
import { newEntry } from '#model/cache/ledger.ts';
import { cache, list, noon, round, spec, status } from '../../functions/model/builders.ts';

const lists = [list(['app:1', 'base:2']), list(['gone:3'], { nodeSelector: { tier: 'backend' } })];
const wants = { all: [0], more: [0, 1] };

const entry = (of: Partial<LedgerEntry>): LedgerEntry => ({
  ...newEntry('1a', 'all'),
  ...{ attempt: 1, state: 'Pulling' },
  ...of,
});

const withNodes = (nodes: Readonly<Record<string, LedgerEntry>>, of: Partial<ImageCache['status']> = {}): ImageCache =>
  cache({
    spec: spec({ lists }),
    status: status({ status: 'Processing', round: round(), desired: wants, nodes, ...of }),
  });

const nodeRows: readonly { when: string; given: LedgerEntry; line: string; tone: string }[] = [
  { when: 'is pending', given: entry({ state: 'Pending', attempt: 0 }), line: 'pending   2 images', tone: 'quiet' },
  {
    when: 'opens what it pulled with credentials',
    given: entry({ opening: 'Noop', images: 'Wp', noop: 'W' }),
    line: 'opening   2 images',
    tone: 'busy',
  },
  { when: 'is pulling', given: entry({ desiredHash: 'more' }), line: 'pulling   3 images', tone: 'busy' },
  {
    when: 'is pulling some of its images for the first time',
    given: entry({ images: 'wp' }),
    line: 'pulling   2 images',
    tone: 'busy',
  },
  {
    when: 'retries an image',
    given: entry({ desiredHash: 'more', attempt: 2, images: 'ppw' }),
    line: 'retrying  gone:3',
    tone: 'busy',
  },
  { when: 'has all images', given: entry({ state: 'Ready' }), line: 'ready     2 images', tone: 'good' },
  {
    when: 'has some images',
    given: entry({ desiredHash: 'more', state: 'Failed', images: 'pf' }),
    line: 'failed    base:2, gone:3; 1 of 3 present',
    tone: 'bad',
  },
  {
    when: 'failed without results for its images',
    given: entry({ state: 'Failed' }),
    line: 'failed    no results for 2 images',
    tone: 'bad',
  },
  {
    when: 'is skipped',
    given: entry({ state: 'Skipped', reason: 'NotReady' }),
    line: 'skipped   NotReady',
    tone: 'quiet',
  },
];

describe('the line of a node', () => {
  it.each(nodeRows)('that $when', ({ given, line, tone }) => {
    expect(progressLines(withNodes({ 'node-1': given }))[1]).toEqual({ text: `  node-1  ${line}`, tone });
  });
});

describe('the lines of a cache', () => {
  it('say that it is not reconciled yet', () => {
    expect(progressLines(cache())).toEqual([{ text: 'web  Not reconciled yet' }]);
  });

  it('count its nodes, in numeric order, aligned', () => {
    const nodes = {
      'node-10': entry({ state: 'Ready' }),
      'node-9': entry({}),
      'node-2': entry({ state: 'Skipped', reason: 'NotReady' }),
    };
    expect(progressLines(withNodes(nodes), 2.34).map(({ text }) => text)).toEqual([
      'web  Processing  1 of 2 nodes ready  2.3 s',
      '  node-2   skipped   NotReady',
      '  node-9   pulling   2 images',
      '  node-10  ready     2 images',
    ]);
  });

  it('use the singular for one', () => {
    const lines = progressLines(
      withNodes({ a: entry({ state: 'Ready', desiredHash: 'one' }) }, { desired: { one: [1] } }),
    );
    expect(lines.map(({ text }) => text)).toEqual(['web  Processing  1 of 1 node ready', '  a  ready     1 image']);
  });
});

describe('the outcome of a cache', () => {
  it('lists images by node, and failures with their reasons', () => {
    const nodes = {
      a: entry({ state: 'Ready' }),
      b: entry({ state: 'Failed', desiredHash: 'more', images: 'ppf' }),
    };
    const failures = { 'gone:3': [{ node: 'b', reason: 'ErrImagePull', message: 'not found' }] };
    expect(outcomeLines(withNodes(nodes, { status: 'Failed', failures }))).toEqual([
      { text: 'web by image' },
      { text: '  app:1   on a, b' },
      { text: '  base:2  on a, b' },
      { text: '  gone:3  not on b: ErrImagePull, not found', tone: 'bad' },
    ]);
  });

  it('counts nodes where there are many, and omits an empty message', () => {
    const nodes = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, entry({ state: 'Ready' })]));
    const failures = { x: [{ node: 'g', reason: 'ImagePullStatusUnknown', message: '' }] };
    expect(outcomeLines(withNodes(nodes, { failures })).map(({ text }) => text)).toEqual([
      'web by image',
      '  app:1   on 6 nodes',
      '  base:2  on 6 nodes',
      '  x       not on g: ImagePullStatusUnknown',
    ]);
  });

  it('lists nothing for nodes without results', () => {
    expect(outcomeLines(withNodes({ a: entry({}), b: entry({ state: 'Failed' }) }))).toEqual([
      { text: 'web by image' },
    ]);
  });
});

const reconciling = (value: Condition['status'], observedGeneration = 1): readonly Condition[] => [
  { type: 'Reconciling', status: value, reason: '', message: '', observedGeneration, lastTransitionTime: noon },
];

const settledRows: readonly { when: string; given: ImageCache; is: boolean }[] = [
  { when: 'is new', given: cache(), is: false },
  { when: 'has an open round', given: withNodes({}, { conditions: reconciling('True') }), is: false },
  { when: 'has a newer generation', given: withNodes({}, { conditions: reconciling('False', 0) }), is: false },
  {
    when: 'has a node that is pulling',
    given: withNodes({ a: entry({}) }, { conditions: reconciling('False') }),
    is: false,
  },
  {
    when: 'has a pending node, and is suspended',
    given: {
      ...withNodes({ a: entry({ state: 'Pending' }) }, { conditions: reconciling('False') }),
      spec: spec({ suspend: true }),
    },
    is: true,
  },
  {
    when: 'has nodes that are ready, failed and skipped',
    given: withNodes(
      { a: entry({ state: 'Ready' }), b: entry({ state: 'Failed' }), c: entry({ state: 'Skipped' }) },
      { conditions: reconciling('False') },
    ),
    is: true,
  },
];

it.each(settledRows)('settled: $is for a cache that $when', ({ given, is }) => {
  expect(isSettled(given)).toBe(is);
});
