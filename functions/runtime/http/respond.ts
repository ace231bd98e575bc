import type { ServerResponse } from 'node:http';
import { ApiError, Rejected, RetryLater } from '#runtime/errors.ts';

/**
 * The answer to a sender. Brokers retry 404, 408, 409, 429 and 5xx, Knative's sources only some of these:
 * all of them retry 503, and none retries 400, 413, 415, 422 or 431. 401, 403 and 405 are for senders that may not send.
 */
export type Answer =
  | { readonly status: 204 }
  | { readonly status: 400 | 401 | 403 | 405 | 413 | 415 | 422 | 431; readonly reason: string }
  | { readonly status: 503; readonly reason: string; readonly retryAfterMs: number };

export const done: Answer = { status: 204 };

/** Milliseconds of Retry-After if the error has none. */
const retryAfterError = 5000;
const retryAfterRefusal = 2000;

/** The answer to an error: a rejected event is final, other errors are retried. */
export function answerTo(error: unknown): Answer {
  if (error instanceof Rejected) return { status: 422, reason: error.message };
  if (error instanceof RetryLater) return later(error.message, error.afterMs);
  if (error instanceof ApiError) return later(error.message, error.retryAfterMs ?? retryAfterRefusal);
  return later('unexpected error; see the log', retryAfterError);
}

export const later = (reason: string, retryAfterMs: number): Answer => ({ status: 503, reason, retryAfterMs });

/** The answer to a batch: the whole batch is retried if one event needs it, since handlers are idempotent. */
export function worst(answers: readonly Answer[]): Answer {
  return (
    answers.find(({ status }) => status === 503) ?? answers.find(({ status }) => status !== 204) ?? answers[0] ?? done
  );
}

/** Sends the answer. A 204 has no body, since Brokers fail on 2xx bodies; Content-Type is always set, since OpenFaaS copies the request's otherwise. */
export function respond(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = answer.status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  if (answer.status === 204) return void response.end();
  if (answer.status === 503) response.setHeader('retry-after', Math.max(1, Math.ceil(answer.retryAfterMs / 1000)));
  response.end(`${sentence(answer.reason)}\n`);
}

/** Untrusted text as one line of at most 500 characters. */
export function sentence(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 499).toWellFormed()}…` : line;
}
