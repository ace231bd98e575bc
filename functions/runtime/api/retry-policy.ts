import type { ApiError } from '#runtime/errors.ts';

/** One try of a call that failed, as far as it matters for the question whether to try again. */
export type FailedTry = {
  /** How many tries there were, this one included. */
  readonly tries: number;
  /** Milliseconds already spent waiting between them. */
  readonly waited: number;
  readonly method: string;
  readonly error: ApiError;
  /** False only where no byte of the request can have left this process. */
  readonly wasSent: boolean;
  /** Whether the call's own time ran out: its caller does not want to wait as long again. */
  readonly timedOut: boolean;
};

const mostTries = { throttled: 5, failed: 3 } as const;
/** Milliseconds; the handler's time is 20 s, and a caller that waits longer is better off being called again. */
const longestWait = 30_000;

/**
 * Milliseconds to wait before the next try; undefined means give up.
 * A throttled call did nothing, so any may come again. Whatever else went wrong, a write may have been done: only reads are
 * repeated, and what never left. `random` is in [0, 1).
 */
export function nextTry(failed: FailedTry, random: number): number | undefined {
  const wait = wanted(failed, random);
  return wait !== undefined && failed.waited + wait <= longestWait ? wait : undefined;
}

function wanted(failed: FailedTry, random: number): number | undefined {
  const { error, tries } = failed;
  if (error.status === 429) {
    if (tries >= mostTries.throttled) return undefined;
    return (error.retryAfterMs ?? 1000) + random * 250 * tries;
  }
  if (failed.timedOut || tries >= mostTries.failed) return undefined;
  const isHarmless = failed.method === 'GET' || !failed.wasSent;
  const isPassing = error.status === 0 || error.status >= 500;
  if (!isHarmless || !isPassing) return undefined;
  return Math.max(error.retryAfterMs ?? 0, 100 * 4 ** (tries - 1)) * (0.5 + random);
}
