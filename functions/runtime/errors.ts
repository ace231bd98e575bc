/** Work cannot continue now but can later: answered 503 with Retry-After, so that every platform delivers the event again. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly afterMs: number;
  constructor(message: string, afterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

/** The event is invalid and stays so: answered 422, so that no platform delivers it again. */
export class Rejected extends Error {
  override readonly name = 'Rejected';
}

type ApiFailure = { readonly status: number; readonly reason?: string; readonly retryAfterMs?: number };

/** A call to the API server failed. The message names the call and quotes the server (see api/answer.ts). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 without an answer: no connection, a timeout, a broken answer. */
  readonly status: number;
  /** The `reason` of the returned Status, such as AlreadyExists; '' without one. */
  readonly reason: string;
  /** The Retry-After of the answer, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, { status, reason = '', retryAfterMs }: ApiFailure, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A setting is invalid: printed at start without a stack, since the message says what to change. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * What to do about an error. Every place that handles failures asks here: HTTP answers, logs, metrics and ticks.
 * `retry`: on purpose. `rejected`: never again. `apiError`: the API server refused or did not answer. `unexpected`: a bug.
 */
export type FailureKind = 'retry' | 'rejected' | 'apiError' | 'unexpected';

export function failureKind(error: unknown): FailureKind {
  if (error instanceof RetryLater || isAbortedToRetry(error)) return 'retry';
  if (error instanceof Rejected) return 'rejected';
  return error instanceof ApiError ? 'apiError' : 'unexpected';
}

/** A timer or stream that is aborted throws an error of its own, whose cause is why: the sender has hung up, or the process stops. */
const isAbortedToRetry = (error: unknown): boolean =>
  error instanceof Error && error.name === 'AbortError' && error.cause instanceof RetryLater;

const answerTooLarge = 'AnswerTooLarge';

/** The answer has more bytes than the caller reads. */
export const tooLarge = (message: string): ApiError => new ApiError(message, { status: 200, reason: answerTooLarge });

export const isAnswerTooLarge = (error: unknown): boolean =>
  error instanceof ApiError && error.reason === answerTooLarge;

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/**
 * HTTP 409, which means by call:
 * - create an Event: it was recorded before, which is fine;
 * - create a Job: it exists; `createJob` checks that it is ours, and returns or throws `RetryLater`;
 * - delete a Job by uid: another Job has the name now, and ours is gone, which is fine;
 * - write a status or finalizer, which name a resourceVersion: the cache changed since it was read, and `drive` observes again;
 * - patch a Node: it changed since it was read, and `openGate` reads it again.
 */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;

/** Waits for a write; an error that `isFine` accepts means that there is nothing to write. */
export async function unless(isFine: (error: unknown) => boolean, write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isFine(error)) throw error;
  }
}
