import type { ServerResponse } from 'node:http';
import { ApiError, Rejected, RetryLater } from '#runtime/errors.ts';

/**
 * What a sender is told. Brokers repeat 404, 408, 409, 429 and everything from 500 on, Knative's sources only some of these:
 * 503 is the one that all repeat, and a code from 400, 413, 415, 422 and 431 one that none does.
 */
export type Answer =
  | { readonly status: 204 }
  | { readonly status: 400 | 413 | 415 | 422 | 431; readonly reason: string }
  | { readonly status: 503; readonly reason: string; readonly retryAfterMs: number };

export const done: Answer = { status: 204 };

/** Milliseconds until a sender may try again where nothing better is known. */
const retryAfterError = 5000;
const retryAfterRefusal = 2000;

/** Kind of error to answer: the event's own fault is final, whatever else went wrong may pass. */
export function answerTo(error: unknown): Answer {
  if (error instanceof Rejected) return { status: 422, reason: error.message };
  if (error instanceof RetryLater) return later(error.message, error.afterMs);
  if (error instanceof ApiError) return later(error.message, error.retryAfterMs ?? retryAfterRefusal);
  return later('unexpected error, told in the log', retryAfterError);
}

export const later = (reason: string, retryAfterMs: number): Answer => ({ status: 503, reason, retryAfterMs });

/** The answer to a batch: once more for all if one event needs it, since handling one twice does no harm. */
export function worst(answers: readonly Answer[]): Answer {
  return (
    answers.find(({ status }) => status === 503) ?? answers.find(({ status }) => status !== 204) ?? answers[0] ?? done
  );
}

/** A Broker takes any body of a 2xx that is no CloudEvent for a failure, and OpenFaaS fills in a missing Content-Type with the request's. */
export function respond(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = answer.status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  if (answer.status === 204) return void response.end();
  if (answer.status === 503) response.setHeader('retry-after', Math.max(1, Math.ceil(answer.retryAfterMs / 1000)));
  response.end(`${sentence(answer.reason)}\n`);
}

/** Text that may hold anything, made fit for a line of at most 500 characters. */
export function sentence(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 499).toWellFormed()}…` : line;
}
