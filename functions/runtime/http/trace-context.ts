/** The trace of an event, as fields of log lines. */
export type TraceFields = { readonly trace_id?: string; readonly span_id?: string };

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/**
 * Parses a `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header).
 * An invalid one is ignored, since a trace is no reason to refuse an event.
 */
export function traceFields(traceparent: unknown): TraceFields {
  const [, version = '', traceId = '', spanId = '', more] =
    (typeof traceparent === 'string' && pattern.exec(traceparent)) || [];
  const isValid = version !== '' && version !== 'ff' && (version !== '00' || more === undefined);
  if (!isValid || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return {};
  return { trace_id: traceId, span_id: spanId };
}
