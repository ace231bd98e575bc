/** Where an event stands in a distributed trace, in the words that log lines use for it. */
export type TraceFields = { readonly trace_id?: string; readonly span_id?: string };

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/**
 * Reads a `traceparent` as the W3C has it (https://www.w3.org/TR/trace-context/#traceparent-header).
 * One that is invalid is as good as none: a trace is never a reason to refuse an event.
 */
export function traceFields(traceparent: unknown): TraceFields {
  const [, version = '', traceId = '', spanId = '', more] =
    (typeof traceparent === 'string' && pattern.exec(traceparent)) || [];
  const isValid = version !== '' && version !== 'ff' && (version !== '00' || more === undefined);
  if (!isValid || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return {};
  return { trace_id: traceId, span_id: spanId };
}
