import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ApiCall } from './api.ts';
import { TimedOut } from './limits.ts';
import { ApiError, tooLarge } from '#runtime/errors.ts';

const unzip = promisify(gunzip);

/** The whole body as text. Rejects if the answer breaks off, or is larger than the caller reads. `count` gets the bytes of each chunk. */
export async function bodyText(
  call: ApiCall,
  answer: IncomingMessage,
  count: (bytes: number) => void,
): Promise<string> {
  const { maxBytes = Infinity } = call;
  const chunks: Buffer[] = [];
  const incoming: AsyncIterable<Buffer> = answer;
  let bytes = 0;
  for await (const chunk of incoming) {
    count(chunk.length);
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(call);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const isZipped = answer.headers['content-encoding'] === 'gzip';
  return (isZipped ? await unzipped(body, call) : body).toString('utf8');
}

async function unzipped(body: Buffer, call: ApiCall): Promise<Buffer> {
  const { maxBytes } = call;
  if (maxBytes === undefined) return unzip(body);
  try {
    return await unzip(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLong = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLong ? tooLong(call) : error;
  }
}

const tooLong = (call: ApiCall): ApiError =>
  tooLarge(`${attempted(call)}: the answer exceeds ${call.maxBytes ?? 0} bytes`);

export const isSuccess = (answer: IncomingMessage): boolean => Math.floor((answer.statusCode ?? 0) / 100) === 2;

/** The error of a non-2xx answer: the message of its Status, else the beginning of the body, which a proxy may have written. */
export function refusal(call: ApiCall, answer: IncomingMessage, body: string): ApiError {
  const { reason, message } = statusOf(body);
  const status = answer.statusCode ?? 0;
  const retryAfterMs = retryAfter(answer.headers['retry-after'], Date.now());
  return new ApiError(`${attempted(call)}: ${status} ${answer.statusMessage ?? ''}: ${message}`, {
    status,
    reason,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** The error of a call without a readable answer. */
export function silence(call: ApiCall, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const why = error instanceof TimedOut ? error.message : `no answer: ${messageOf(error)}`;
  return new ApiError(`${attempted(call)}: ${why}`, { status: 0 }, { cause: error });
}

/** The parsed JSON of a 2xx answer; undefined for an empty body. */
export function parsed(call: ApiCall, body: string): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    // No cause: the parser quotes its input, which may be a Secret.
    throw new ApiError(`${attempted(call)}: the answer is not JSON`, { status: 0 });
  }
}

const attempted = (call: ApiCall): string => `${call.method} ${call.path.slice(0, 300)}`;

function statusOf(body: string): { readonly reason: string; readonly message: string } {
  const status = jsonOf(body);
  if (typeof status !== 'object' || status === null) return { reason: '', message: body.trim().slice(0, 200) };
  const reason = 'reason' in status && typeof status.reason === 'string' ? status.reason : '';
  const message = 'message' in status && typeof status.message === 'string' ? status.message : reason;
  return { reason, message: message.slice(0, 2000) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A refused connection to a name with several addresses has an error code but no message. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}

/** Parses a Retry-After header, seconds or a date, to milliseconds; undefined if it is invalid. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Accept header of writes whose answer is not used. */
export const onlyMetadata = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
