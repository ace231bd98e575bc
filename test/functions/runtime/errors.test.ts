import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { failureKind, RetryLater } from '#runtime/errors.ts';

it('a pause that is aborted counts as the reason of the abort', async () => {
  const aborted = (reason: Error): Promise<unknown> =>
    pause(1000, undefined, { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
  expect(failureKind(await aborted(new RetryLater('the sender has hung up', 1000)))).toBe('retry');
  expect(failureKind(await aborted(new TypeError('x is not a function')))).toBe('unexpected');
});
