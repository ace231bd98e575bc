/** Cannot go on now, but later: answered 503 with Retry-After, so every platform delivers the event again. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly afterMs: number;
  constructor(message: string, afterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

/** The event itself is no good and never will be: answered 422, so no platform delivers it again. */
export class Rejected extends Error {
  override readonly name = 'Rejected';
}

/** The API server's refusal, or its silence (`status` 0: no connection, time-out, broken answer). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** The `reason` of the answered Status, such as AlreadyExists; '' if it told none. */
  readonly reason: string;
  /** What Retry-After asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(
    message: string,
    told: { status: number; reason?: string; retryAfterMs?: number },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = told.status;
    this.reason = told.reason ?? '';
    this.retryAfterMs = told.retryAfterMs;
  }
}

/** What the operator set can not work: shown at start without a stack, since every sentence says what to change. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;
