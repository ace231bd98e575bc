import { CloudEvent, HTTP } from 'cloudevents';
import type { IncomingHttpHeaders } from 'node:http';
import { type FunctionName, notice, type Notice, tickType } from '#model/cache/cloud-event.ts';
import { boundTable } from '#runtime/bounds.ts';

/** One received event; functions get only its `notice`. */
export type ReceivedEvent = {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly notice: Notice;
  /** For the log; empty if the event carries no valid trace. */
  readonly trace: TraceFields;
};

/** Not to be retried: 400 is no CloudEvent, 413 too many, 415 an unsupported format, 422 an event that no function handles. */
export type Refused = { readonly status: 400 | 413 | 415 | 422; readonly reason: string };

const maxEvents = boundTable.batch_events.limit;

const structured = 'application/cloudevents+json';
const batch = 'application/cloudevents-batch+json';
const essentials = 'specversion 1.0, id, source and type are wanted';

/**
 * Parses the events of one POST: binary, structured, a batch, or the empty POST of cron-connector.
 * Required attributes are validated first, since the SDK accepts almost anything and fills in what is missing.
 */
export function receive(
  headers: IncomingHttpHeaders,
  body: Buffer,
  called: FunctionName,
): readonly (ReceivedEvent | Refused)[] {
  const media = mediaType(headers['content-type']);
  if (!['', 'utf-8', 'utf8', 'us-ascii'].includes(media.charset))
    return [{ status: 415, reason: 'charset utf-8 is wanted' }];
  const text = utf8(body);
  if (text === undefined) return [invalid('the body is not UTF-8')];
  if (media.type === batch) return batched(text);
  if (media.type === structured) return [fromJson(parse(text))];
  if (media.type.startsWith('application/cloudevents'))
    return [{ status: 415, reason: `of CloudEvents, ${structured} and ${batch} are read` }];
  if (Object.keys(headers).some((name) => name.startsWith('ce-'))) return [binary(headers, media, text)];
  return [isBareTick(headers, text, called) ? tick : invalid(`no CloudEvent: ce- headers or ${structured} are wanted`)];
}

export const isRefused = (received: ReceivedEvent | Refused): received is Refused => 'status' in received;

const tick: ReceivedEvent = { id: '', type: tickType, subject: '', notice: { type: 'tick' }, trace: {} };

/** Whether an empty POST is a tick: cron-connector sends only its name, other schedulers not even that. */
function isBareTick(headers: IncomingHttpHeaders, text: string, called: FunctionName): boolean {
  if (text.trim() !== '') return false;
  return headers['x-connector'] === 'cron-connector' || called === 'refresh';
}

function batched(text: string): readonly (ReceivedEvent | Refused)[] {
  const events = parse(text);
  if (!Array.isArray(events)) return [invalid('a batch is a JSON array of events')];
  if (events.length > maxEvents)
    return [{ status: 413, reason: `the batch has ${events.length} events, and at most ${maxEvents} are read` }];
  return events.map(fromJson);
}

function fromJson(json: unknown): ReceivedEvent | Refused {
  if (!isRecord(json)) return invalid('the body is no JSON object');
  const attributes = Object.entries(json).filter(([, value]) => value !== null);
  const problem = problemOf(Object.fromEntries(attributes));
  if (problem) return invalid(problem);
  return fromSdk({ 'content-type': structured }, Object.fromEntries(attributes));
}

function binary(headers: IncomingHttpHeaders, media: MediaType, text: string): ReceivedEvent | Refused {
  const attributes = Object.entries(headers)
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, value]) => [name, String(value)] as const);
  const problem = problemOf(Object.fromEntries(attributes.map(([name, value]) => [name.slice(3), value])));
  if (problem) return invalid(problem);
  const data = isJson(media) && text !== '' ? parse(text) : text;
  if (data === undefined) return invalid('the data is not JSON, as its Content-Type has it');
  // The SDK drops data that is no object; no function reads such data.
  return fromSdk({ ...Object.fromEntries(attributes), 'content-type': media.type }, isRecord(data) ? data : undefined);
}

/** Validates attributes that the SDK would accept or fill in. */
function problemOf(attributes: Readonly<Record<string, unknown>>): string | undefined {
  const { specversion, id, source, type, time } = attributes;
  if (specversion !== '1.0') return `specversion is not 1.0: ${essentials}`;
  if (![id, source, type].every((each) => typeof each === 'string' && each !== ''))
    return `id, source or type is missing: ${essentials}`;
  if (time !== undefined && (typeof time !== 'string' || Number.isNaN(Date.parse(time)))) return 'time is no date';
  const isNamed = (name: string): boolean => /^[a-z0-9]+$/.test(name) || name === 'data_base64';
  return Object.keys(attributes).every(isNamed) ? undefined : 'attribute names are made of a-z and 0-9';
}

function fromSdk(headers: Record<string, string>, body: unknown): ReceivedEvent | Refused {
  try {
    const event = HTTP.toEvent({ headers, body });
    if (!(event instanceof CloudEvent) || !event.validate()) return invalid('not one valid CloudEvent');
    const read = notice(event);
    if (read.type === 'invalid') return { status: 422, reason: read.reason };
    const trace = traceFields(event['traceparent']);
    return { id: event.id, type: event.type, subject: event.subject ?? '', notice: read, trace };
  } catch (error) {
    return invalid(`not a valid CloudEvent: ${error instanceof Error ? error.message : ''}`);
  }
}

const invalid = (reason: string): Refused => ({ status: 400, reason });

/** Parses JSON; undefined for invalid text, since no JSON text means undefined. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const strict = new TextDecoder('utf-8', { fatal: true });
function utf8(body: Buffer): string | undefined {
  try {
    return strict.decode(body);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

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

/** A parsed Content-Type, in lower case; empty where a part is missing. */
type MediaType = { readonly type: string; readonly charset: string };

/** Parses a Content-Type header, since the CloudEvents SDK compares it as one case-sensitive string. */
export function mediaType(header: string | undefined): MediaType {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(each)?.[1]).find((each) => each);
  return { type: type.trim(), charset: charset ?? '' };
}

const isJson = ({ type }: MediaType): boolean => /^(?:application|text)\/(?:[^/]+\+)?json$/.test(type);
