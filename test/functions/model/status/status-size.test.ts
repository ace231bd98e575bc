import { describe, expect, it } from 'vitest';
import { emptyStatus } from '#model/cache/image-cache.ts';
import {
  toPull,
  withEnd,
  withFailed,
  withFailing,
  withLocks,
  withOpening,
  withResults,
} from '#model/cache/image-states.ts';
import { type LedgerEntry, newEntry } from '#model/cache/ledger.ts';
import { serializeStatus } from '#model/status/serialize-status.ts';
import { cache, noon } from '../builders.ts';

const count = 50;
const all = [...Array(count).keys()];
const two = [7, 31];
const entry = (of: Partial<LedgerEntry>): LedgerEntry => ({
  ...newEntry('a1a1a1a1-1111', 'a1b2c3d4'),
  attempt: 1,
  ...of,
});
const pulling = entry({ state: 'Pulling' });
const ready = entry({ ...toPull(pulling, [], count), state: 'Ready' });
const locked = withLocks(pulling, [...all, count], count);
const opening = entry({
  ...withOpening(withEnd(toPull(locked, [], count)), [...all, count], count),
  state: 'Pulling',
  opening: 'Noop',
});
const reported = new Map(two.map((index) => [index, 'cause']));
const succeeded = (indexes: readonly number[]) => new Map(indexes.map((index) => [index, 'succeeded' as const]));
const times = { failingUntil: noon, retryDeadline: noon };

/** Bytes of the ledger of 5,000 nodes with 50 images each, and what it had with lists of indexes. */
const rows: readonly {
  readonly when: string;
  readonly entry: LedgerEntry;
  readonly bytes: number;
  readonly before: number;
}[] = [
  { when: 'all are ready', entry: ready, bytes: 440_001, before: 440_001 },
  { when: 'all became ready a moment ago', entry: { ...ready, readyAt: noon }, bytes: 545_001, before: 440_001 },
  {
    when: 'all are ready and pulled with credentials',
    entry: withLocks(ready, [], count),
    bytes: 495_001,
    before: 530_001,
  },
  { when: 'all pull', entry: pulling, bytes: 450_001, before: 450_001 },
  {
    when: 'all have pulled 30 images',
    entry: withResults(pulling, succeeded(all.slice(0, 30)), count),
    bytes: 530_001,
    before: 710_001,
  },
  {
    when: 'two images fail',
    entry: { ...withFailing(pulling, reported, count), failingUntil: noon },
    bytes: 740_001,
    before: 755_001,
  },
  {
    when: 'two images fail again',
    entry: entry({
      ...withFailing(
        { ...withFailed(pulling, two, count), images: withOpening(withFailed(pulling, two, count), two, count).images },
        reported,
        count,
      ),
      attempt: 2,
      state: 'Pulling',
      ...times,
    }),
    bytes: 935_001,
    before: 1_175_001,
  },
  {
    when: 'two images have failed',
    entry: entry({ ...withFailed(pulling, two, count), state: 'Failed', attempt: 2 }),
    bytes: 545_001,
    before: 555_001,
  },
  {
    when: 'all images have failed',
    entry: entry({ ...withEnd(pulling), state: 'Failed', attempt: 2 }),
    bytes: 445_001,
    before: 1_230_001,
  },
  { when: 'all images are opened', entry: opening, bytes: 655_001, before: 2_140_001 },
  {
    when: '32 images have been opened',
    entry: withResults(opening, succeeded(all.slice(0, 32)), count),
    bytes: 670_001,
    before: 2_370_001,
  },
  { when: 'two images stay locked', entry: withLocks(ready, [3, 4], count), bytes: 580_001, before: 545_001 },
];

describe('the ledger of 5,000 nodes with 50 images each', () => {
  it.each(rows)('has $bytes bytes, not $before, when $when', ({ entry: each, bytes }) => {
    const nodes = Object.fromEntries(
      Array.from({ length: 5000 }, (_, index) => [`node-${String(index).padStart(4, '0')}`, each]),
    );
    const stored = JSON.stringify(serializeStatus({ ...emptyStatus, nodes }, cache())['nodes']).length;
    expect(stored).toBe(bytes);
  });
});
