import { setTimeout as pause } from 'node:timers/promises';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { ApiError, isConflict, RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { WriteFailed } from './carry-out.ts';
import { reportRefusal } from './report-refusal.ts';

/** Waits for a plan to be carried out and returns a failure after which to observe again: a conflict, or Jobs that could not be written. Any other error is thrown. */
export async function failureToRetry(carriedOut: Promise<void>): Promise<unknown> {
  try {
    await carriedOut;
    return undefined;
  } catch (error) {
    if (isConflict(error) || error instanceof WriteFailed) return error;
    throw error;
  }
}

const maxTurns = 5;

/** Waits before the next turn. Throws `RetryLater` if Jobs are refused, which it reports in the status, or after too many turns. */
export async function prepareRetry(
  failure: unknown,
  { cache, turn }: { readonly cache: ImageCache; readonly turn: number },
  context: Context,
): Promise<void> {
  const name = `${cache.namespace}/${cache.name}`;
  context.log.info({ cache: name, turn, err: failure }, 'write failed, observing again');
  const cause = failure instanceof WriteFailed ? failure.cause : undefined;
  if (cause instanceof ApiError && isRefusal(cause)) {
    await reportRefusal(cache, cause, context);
    throw new RetryLater(`Jobs of ${name} are refused`, 10_000, { cause });
  }
  if (cause instanceof RetryLater) throw cause;
  if (turn >= maxTurns) throw new RetryLater(`${name} could not be written`, 1000, { cause: failure });
  await pause(50 * 2 ** turn, undefined, { signal: context.signal });
}

/** What lasts until somebody changes something: a missing right or namespace, a quota, a policy. */
const isRefusal = ({ status }: ApiError): boolean => status === 403 || status === 404 || status === 422;
