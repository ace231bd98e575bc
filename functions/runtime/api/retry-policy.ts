import type { ApiError } from '#runtime/errors.ts';

/** A failed try of a call, as input of the retry policy. */
export type FailedTry = {
  /** Number of tries so far, this one included. */
  readonly tries: number;
  /** Milliseconds already spent waiting between tries. */
  readonly waited: number;
  readonly method: string;
  readonly error: ApiError;
  /** False only if no byte of the request can have been sent. */
  readonly wasSent: boolean;
  /** Whether the call timed out; it is not retried, to not double the caller's wait. */
  readonly timedOut: boolean;
};

const maxTries = { throttled: 5, failed: 3 } as const;
/** Milliseconds; a handler has 20 s, and after a longer wait its event had better be delivered again. */
const maxWait = 30_000;

/**
 * Milliseconds to wait before the next try; undefined: do not retry.
 * Throttled calls had no effect, so all may be retried. After other errors a write may have succeeded, so only reads
 * and requests that were not sent are retried. `random` is in [0, 1).
 */
export function nextTry(failed: FailedTry, random: number): number | undefined {
  const wait = waitFor(failed, random);
  return wait !== undefined && failed.waited + wait <= maxWait ? wait : undefined;
}

function waitFor(failed: FailedTry, random: number): number | undefined {
  const { error, tries } = failed;
  if (error.status === 429) {
    if (tries >= maxTries.throttled) return undefined;
    return (error.retryAfterMs ?? 1000) + random * 250 * tries;
  }
  if (failed.timedOut || tries >= maxTries.failed) return undefined;
  const isSafe = failed.method === 'GET' || !failed.wasSent;
  const isTransient = error.status === 0 || error.status >= 500;
  if (!isSafe || !isTransient) return undefined;
  return Math.max(error.retryAfterMs ?? 0, 100 * 4 ** (tries - 1)) * (0.5 + random);
}
