import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyStatus, type ImageCache, type Status } from '#model/cache/image-cache.ts';
import { withFound } from '#model/cache/found-images.ts';
import { isSameStatus } from '#model/status/same-status.ts';
import { serializeStatus } from '#model/status/serialize-status.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { repetitions } from '../../../support/repetitions.ts';
import { anyFound, anyStatus } from '../any-status.ts';
import { cache, list, spec } from '../builders.ts';

/** How a value follows from the value at the same place of another status, and of a third one. */
type Way = 'shared' | 'copied' | 'reordered' | 'later' | 'half' | 'other';
const sameWay = fc.constantFrom<Way>('shared', 'copied');
const differentWay = fc.constantFrom<Way>('reordered', 'later', 'half', 'other');

type Values = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A copy whose keys are in reversed order if it is `reordered`, and whose times are half a second `later`. */
function copied(value: unknown, way: Way): unknown {
  if (Array.isArray(value)) return value.map((item) => copied(item, way));
  if (!isRecord(value)) return way === 'later' && typeof value === 'number' && value > 1000 ? value + 500 : value;
  const entries = Object.entries(value).map(([key, child]) => [key, copied(child, way)]);
  return Object.fromEntries(way === 'reordered' ? entries.toReversed() : entries);
}

function varied(value: unknown, other: unknown, [way, ...next]: readonly Way[]): unknown {
  if (way === undefined || way === 'shared') return value;
  if (way === 'other') return other;
  if (way !== 'half' || !isRecord(value) || !isRecord(other)) return copied(value, way);
  return Object.fromEntries(
    Object.entries(value).map(([key, entry], index) => [
      key,
      varied(entry, ownEntry(other, key) ?? entry, next.slice(index)),
    ]),
  );
}

const fields = Object.keys(emptyStatus) as (keyof Status)[];

/** Fields that are compared in another way than most, or on which others depend, more often. */
const someField = fc.oneof(
  fc.constantFrom(...fields),
  fc.constantFrom<keyof Status>(
    'nodes',
    'removals',
    'registries',
    'digests',
    'knownDigests',
    'anonymousPulls',
    'absentImages',
  ),
);

const anyWays: Arbitrary<ReadonlyMap<keyof Status, readonly Way[]>> = fc
  .record({
    same: fc.array(sameWay, { minLength: fields.length, maxLength: fields.length }),
    different: fc.array(fc.tuple(someField, differentWay), { maxLength: 2 }),
    ofEntries: fc.array(fc.oneof(sameWay, differentWay), { maxLength: 5 }),
  })
  .map(({ same, different, ofEntries }) => {
    const ways = new Map([...same.map((way, index) => [fields[index] ?? 'status', way] as const), ...different]);
    return new Map([...ways].map(([field, way]) => [field, [way, ...ofEntries]]));
  });

const anySpec = fc
  .constantFrom([], ['login'])
  .map((imagePullSecrets) => spec({ lists: [list(['app:1', 'base:2']), list(['tool:3', 'app:1'])], imagePullSecrets }));

/** A cache with a status, and a status that shares some of its parts and differs in others. */
const pair = fc
  .record({
    ...{ before: anyStatus, other: anyStatus, ways: anyWays, spec: anySpec, found: fc.option(anyFound) },
    discardedFormat: fc.constantFrom(undefined, undefined, undefined, 'none'),
    generation: fc.option(fc.nat({ max: 2 })),
  })
  .map(({ before, other, ways, found, generation, ...of }) => {
    const values = fields.map((field) => [field, varied(before[field], other[field], ways.get(field) ?? [])]);
    const ofRound = before.round?.generation ?? before.observedGeneration ?? 1;
    const on = cache({ ...of, generation: generation ?? ofRound, status: before });
    return { status: Object.fromEntries(values) as Status, on: withFound(on, found ?? before.found) };
  });

/** The definition: the text that would be written is the text that was read. */
const isWrittenSame = (status: Status, on: ImageCache): boolean =>
  on.discardedFormat === undefined &&
  JSON.stringify(serializeStatus(status, on)) === JSON.stringify(serializeStatus(on.status, on));

describe('the same status', () => {
  it('is one of which the same would be written', () => {
    fc.assert(
      fc.property(pair, ({ status, on }) => {
        expect(isSameStatus(status, on)).toBe(isWrittenSame(status, on));
      }),
      { numRuns: repetitions(500, 5000) },
    );
  }, 60_000);

  it('is generated about as often as another one', () => {
    const pairs = fc.sample(pair, { numRuns: 200, seed: 7 });
    const same = pairs.filter(({ status, on }) => isWrittenSame(status, on));
    expect(same.length).toBeGreaterThan(50);
    expect(same.length).toBeLessThan(150);
  });
});
