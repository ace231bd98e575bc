import { expect, it } from 'vitest';
import type { Context } from '#runtime/handler.ts';
import { coalesceTicks } from '#runtime/http/deliver.ts';

it('handles a hundred ticks that arrive during one with a single further one', async () => {
  const [begun, end] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let handled = 0;
  const ticks = coalesceTicks(async () => {
    handled += 1;
    begun.resolve(undefined);
    await end.promise;
  }, new AbortController().signal);
  const context: Partial<Context> = {};
  const send = (): Promise<void> => ticks({ type: 'tick' }, context as Context);
  const first = send();
  await begun.promise;
  const others = Array.from({ length: 100 }, send);
  end.resolve(undefined);
  await Promise.all([first, ...others]);
  expect(handled).toBe(2);
});
