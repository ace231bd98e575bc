import { describe, expect, it } from 'vitest';
import { traceFields } from '../../../../functions/runtime/http/receive.ts';
import { newTraceparent } from '../../../../sources/sink/to-event.ts';

const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];

describe('a traceparent', () => {
  it.each([
    `00-${trace}-${span}-01`,
    `00-${trace}-${span}-00`,
    `cc-${trace}-${span}-09`,
    `cc-${trace}-${span}-01-more`,
  ])('that reads: %s', (text) => expect(traceFields(text)).toEqual({ trace_id: trace, span_id: span }));

  it.each([
    undefined,
    42,
    '',
    `ff-${trace}-${span}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}`,
    ` 00-${trace}-${span}-01`,
    `00-${trace}-${span}-01\n`,
  ])('that is none: %j', (text) => expect(traceFields(text)).toEqual({}));

  it('of a source reads, and is another each time', () => {
    const [one, other] = [traceFields(newTraceparent()), traceFields(newTraceparent())];
    expect(one.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(one.trace_id).not.toBe(other.trace_id);
  });
});
