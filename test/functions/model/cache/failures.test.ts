import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Cause,
  boundedFailures,
  failureBounds,
  failureCount,
  withNode,
  withoutNode,
  type NodeFailures,
} from '#model/cache/failures.ts';
import type { Failures } from '#model/cache/image-cache.ts';

const cause = (message: string, reason = 'ErrImagePull'): Cause => ({ reason, message });
/** The failures of a node, by image. */
const failuresOf = (node: string, causes: Readonly<Record<string, Cause>>): NodeFailures => ({
  node,
  causes: new Map(Object.entries(causes)),
});

describe('failures', () => {
  it('are the latest ones of each node', () => {
    const first = withNode({}, failuresOf('n1', { 'a:1': cause('x'), 'b:1': cause('x') }));
    expect(withNode(first, failuresOf('n1', { 'b:1': cause('y') }))).toEqual({
      'b:1': [{ node: 'n1', reason: 'ErrImagePull', message: 'y' }],
    });
  });

  it('of one node are removed without those of others', () => {
    const both = withNode(
      withNode({}, failuresOf('n1', { 'a:1': cause('x') })),
      failuresOf('n2', { 'a:1': cause('y') }),
    );
    expect(withoutNode(both, 'n1')).toEqual({ 'a:1': [{ node: 'n2', reason: 'ErrImagePull', message: 'y' }] });
    expect(failureCount(both)).toBe(2);
  });

  it('keep the beginning and the end of a long message, because the end has the cause', () => {
    const message = `failed to pull image ${'x'.repeat(400)}: not found`;
    const [failure] = withNode({}, failuresOf('n', { 'a:1': cause(message) }))['a:1'] ?? [];
    expect(failure?.message).toMatch(/^failed to pull image x+…x+: not found$/);
    expect(failure?.message).toHaveLength(failureBounds.messageLength);
  });

  it('have the same order whichever node or image came first', () => {
    const first = (failures: Failures) => withNode(failures, failuresOf('n1', { 'b:1': cause('x') }));
    const second = (failures: Failures) =>
      withNode(failures, failuresOf('n2', { 'a:1': cause('y'), 'b:1': cause('y') }));
    const [a, b] = [first(second({})), second(first({}))];
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

  it('never exceed their bounds, whatever nodes report', () => {
    fc.assert(
      fc.property(fc.array(report, { maxLength: 60, size: 'max' }), (reports) => {
        let failures: Failures = {};
        for (const { node, images, text, times } of reports) {
          const causes = images.map((image) => [`image-${image}`, cause(text.repeat(times))] as const);
          failures = boundedFailures(withNode(failures, { node: `node-${node}`, causes: new Map(causes) }));
        }
        const json = JSON.stringify(failures);
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(failureBounds.bytes);
        for (const entries of Object.values(failures))
          expect(entries.length).toBeLessThanOrEqual(failureBounds.nodesPerImage);
        const messages = Object.values(failures).flatMap((entries) => entries.map(({ message }) => message));
        for (const message of messages) expect(message.length).toBeLessThanOrEqual(failureBounds.messageLength);
        expect(messages.every((message) => message.isWellFormed())).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('are bounded in bytes, not in characters', () => {
    const message = '漢'.repeat(256);
    const causes = Array.from({ length: 1000 }, (_, index) => [`image-${index}`, cause(message)] as const);
    const failures = withNode({}, { node: 'n', causes: new Map(causes) });
    const bounded = boundedFailures(failures);
    expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThanOrEqual(failureBounds.bytes);
    expect(failureCount(bounded)).toBeGreaterThan(100);
  });
});
