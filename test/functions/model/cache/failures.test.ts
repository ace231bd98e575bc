import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundedFailures,
  failureBounds,
  failureCount,
  withNode,
  withoutNode,
  type Cause,
} from '#model/cache/failures.ts';
import type { Failures } from '#model/cache/image-cache.ts';

const cause = (message: string, reason = 'ErrImagePull'): Cause => ({ reason, message });
const told = (of: Readonly<Record<string, Cause>>): ReadonlyMap<string, Cause> => new Map(Object.entries(of));

describe('the failures of a status', () => {
  it('hold of a node what it said last', () => {
    const first = withNode({}, 'n1', told({ 'a:1': cause('x'), 'b:1': cause('x') }));
    expect(withNode(first, 'n1', told({ 'b:1': cause('y') }))).toEqual({
      'b:1': [{ node: 'n1', reason: 'ErrImagePull', message: 'y' }],
    });
  });

  it('forget one node and leave the others', () => {
    const both = withNode(withNode({}, 'n1', told({ 'a:1': cause('x') })), 'n2', told({ 'a:1': cause('y') }));
    expect(withoutNode(both, 'n1')).toEqual({ 'a:1': [{ node: 'n2', reason: 'ErrImagePull', message: 'y' }] });
    expect(failureCount(both)).toBe(2);
  });

  it('keep the beginning and the end of a long message: the end has the cause', () => {
    const message = `failed to pull image ${'x'.repeat(400)}: not found`;
    const [failure] = withNode({}, 'n', told({ 'a:1': cause(message) }))['a:1'] ?? [];
    expect(failure?.message).toMatch(/^failed to pull image x+…x+: not found$/);
    expect(failure?.message).toHaveLength(failureBounds.messageLength);
  });

  it('are told in one order, whichever node or image was first', () => {
    const one = (failures: Failures) => withNode(failures, 'n1', told({ 'b:1': cause('x') }));
    const other = (failures: Failures) => withNode(failures, 'n2', told({ 'a:1': cause('y'), 'b:1': cause('y') }));
    const [a, b] = [one(other({})), other(one({}))];
    expect(JSON.stringify(boundedFailures(a))).toBe(JSON.stringify(boundedFailures(b)));
  });

  const text = fc.string({
    unit: fc.constantFrom('a', '"', '\\', '\u0001', 'ß', '漢', '😀', '\ud83d', '<'),
    maxLength: 40,
  });
  const report = fc.record({
    node: fc.nat({ max: 60 }),
    images: fc.uniqueArray(fc.nat({ max: 60 }), { minLength: 1, maxLength: 60 }),
    text,
    times: fc.integer({ min: 0, max: 40 }),
  });

  it('never grow beyond their bounds, whatever nodes say', () => {
    fc.assert(
      fc.property(fc.array(report, { maxLength: 60, size: 'max' }), (reports) => {
        let failures: Failures = {};
        for (const { node, images, text: word, times } of reports) {
          const causes = images.map((image) => [`image-${image}`, cause(word.repeat(times))] as const);
          failures = boundedFailures(withNode(failures, `node-${node}`, new Map(causes)));
        }
        const json = JSON.stringify(failures);
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(failureBounds.bytes);
        for (const each of Object.values(failures))
          expect(each.length).toBeLessThanOrEqual(failureBounds.nodesPerImage);
        const messages = Object.values(failures).flatMap((each) => each.map(({ message }) => message));
        for (const message of messages) expect(message.length).toBeLessThanOrEqual(failureBounds.messageLength);
        expect(messages.every((message) => message.isWellFormed())).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('are bounded in bytes, not in characters', () => {
    const causes = (index: number) => told({ [`image-${index}`]: cause('漢'.repeat(256)) });
    let failures: Failures = {};
    for (let index = 0; index < 1000; index += 1)
      failures = withNode(failures, 'n', new Map([...causes(index), ...allOf(failures)]));
    const bounded = boundedFailures(failures);
    expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThanOrEqual(failureBounds.bytes);
    expect(failureCount(bounded)).toBeGreaterThan(100);
  });
});

const allOf = (failures: Failures): readonly (readonly [string, Cause])[] =>
  Object.entries(failures).flatMap(([image, each]) =>
    each.map(({ reason, message }) => [image, { reason, message }] as const),
  );
