import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../../functions/runtime/errors.ts';
import { retryAfter } from '../../../../functions/runtime/api/answer.ts';
import { type FailedTry, nextTry } from '../../../../functions/runtime/api/retry-policy.ts';

const failed = (status: number, of: Partial<FailedTry> & { retryAfterMs?: number } = {}): FailedTry => ({
  tries: 1,
  waited: 0,
  method: 'GET',
  wasSent: true,
  timedOut: false,
  ...of,
  error: new ApiError('', { status, ...(of.retryAfterMs !== undefined && { retryAfterMs: of.retryAfterMs }) }),
});

describe('nextTry', () => {
  it.each([
    ['a throttled write', failed(429, { method: 'POST', retryAfterMs: 2000 }), 2000],
    ['a throttled call without Retry-After', failed(429), 1000],
    ['a read that failed', failed(500), 50],
    ['a read that failed twice', failed(503, { tries: 2 }), 200],
    ['a read whose connection broke', failed(0), 50],
    ['a write that was not sent', failed(0, { method: 'PATCH', wasSent: false }), 50],
    ['a read with Retry-After', failed(503, { retryAfterMs: 4000 }), 2000],
  ])('repeats %s', (_, given, wait) => {
    expect(nextTry(given, 0)).toBe(wait);
    expect(nextTry(given, 0.99)).toBeGreaterThan(wait);
  });

  it.each([
    ['a write that may have been done', failed(0, { method: 'POST' })],
    ['a write that the server failed at', failed(500, { method: 'PATCH' })],
    ['a refusal', failed(404)],
    ['a conflict', failed(409, { method: 'PUT' })],
    ['a third failure', failed(500, { tries: 3 })],
    ['a fifth throttling', failed(429, { tries: 5, retryAfterMs: 1 })],
    ['a wait beyond 30 s', failed(429, { waited: 20_000, retryAfterMs: 11_000 })],
    ['a call whose time ran out', failed(0, { timedOut: true })],
  ])('does not repeat %s', (_, given) => {
    expect(nextTry(given, 0)).toBeUndefined();
  });
});

describe('retryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['7', 7000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    ['-3', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %j as %j ms', (header, milliseconds) => {
    expect(retryAfter(header, now)).toBe(milliseconds);
  });
});
