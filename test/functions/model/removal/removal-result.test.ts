import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  failedRemoval,
  parseRemovalResult,
  removalResult,
  terminationMessage,
  type RemovalOutcome,
} from '#model/removal/removal-result.ts';
import { spareReasons } from '#model/cache/removal-ledger.ts';

const removed = (image: string, bytes = 10): RemovalOutcome => ({ outcome: 'removed', image, bytes });
const failed = (image: string, message = 'no'): RemovalOutcome => ({ outcome: 'failed', image, message });

describe("a removal's result", () => {
  it('counts, adds up, and lists first what may need action', () => {
    const outcomes: RemovalOutcome[] = [
      { outcome: 'absent', image: 'gone:1' },
      removed('a:1', 1000),
      { outcome: 'spared', image: 'used:1', reason: 'InUse', by: 'apps/web/server' },
      removed('b:1', 24),
      failed('c:1'),
    ];
    expect(removalResult('containerd v2.2.9', outcomes)).toEqual({
      runtime: 'containerd v2.2.9',
      freedBytes: 1024,
      counts: { removed: 2, absent: 1, spared: 1, failed: 1 },
      images: [outcomes[4], outcomes[2], outcomes[1], outcomes[3], outcomes[0]],
      omitted: 0,
      error: '',
    });
  });

  it('says of a removal that could not begin that all has failed', () => {
    expect(failedRemoval('no socket', 3)).toMatchObject({ counts: { failed: 3 }, images: [], error: 'no socket' });
  });

  it('counts what does not fit, and keeps what has failed', () => {
    const outcomes = Array.from({ length: 99 }, (_, index) => removed(`registry.example.com/team/app-${index}:1`));
    const message = terminationMessage(removalResult('r', [...outcomes, failed('bad:1')]));
    const read = parseRemovalResult(message);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4096);
    expect(Buffer.byteLength(message)).toBeGreaterThan(4000);
    expect(read?.counts).toEqual({ removed: 99, absent: 0, spared: 0, failed: 1 });
    expect(read?.images[0]).toEqual(failed('bad:1'));
    expect((read?.images.length ?? 0) + (read?.omitted ?? 0)).toBe(100);
    expect(read?.omitted).toBeGreaterThan(0);
  });

  it.each(['', 'OOMKilled', '{}', '[]', '{"runtime": 1}'])('is none in the message %o', (message) => {
    expect(parseRemovalResult(message)).toBeUndefined();
  });

  it('is read back as it was, or with as much as fits, whatever it holds', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 600 });
    const outcome: fc.Arbitrary<RemovalOutcome> = fc.oneof(
      fc.record({ outcome: fc.constant('removed' as const), image: text, bytes: fc.nat() }),
      fc.record({ outcome: fc.constant('absent' as const), image: text }),
      fc.record({ outcome: fc.constant('failed' as const), image: text, message: text }),
      fc.record({
        outcome: fc.constant('spared' as const),
        image: text,
        reason: fc.constantFrom(...spareReasons),
        by: text,
      }),
    );
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
        const told = removalResult('containerd', outcomes);
        const message = terminationMessage(told);
        const read = parseRemovalResult(message);
        expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4096);
        expect(read?.counts).toEqual(told.counts);
        expect(read?.freedBytes).toBe(told.freedBytes);
        expect(read?.images).toEqual(told.images.slice(0, outcomes.length - (read?.omitted ?? 0)));
      }),
    );
  });
});
