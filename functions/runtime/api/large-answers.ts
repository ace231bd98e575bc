import { boundTable } from '#runtime/bounds.ts';
import type { Api } from './api.ts';
import { type Limiter, limiter } from './limiter.ts';

/** A place in memory for one large answer. */
export type Place = {
  /** Waits for it, once. Throws the signal's reason if it fires before. */
  readonly take: (signal: AbortSignal) => Promise<void>;
  readonly give: () => void;
};

const limiters = new WeakMap<Api, Limiter>();

/** A place for an answer of a connection whose size users decide: with many of these at once, a process has no memory left. */
export function placeForAnswer(api: Api): Place {
  const enter = limiters.get(api) ?? limiter(boundTable.user_pages.limit);
  limiters.set(api, enter);
  const given = Promise.withResolvers<undefined>();
  let taken: Promise<void> | undefined;
  const enterNow = async (signal: AbortSignal): Promise<void> => {
    const entered = Promise.withResolvers<undefined>();
    const work = (): Promise<undefined> => {
      entered.resolve(undefined);
      return given.promise;
    };
    enter(work, signal).catch(entered.reject);
    await entered.promise;
  };
  return {
    take: (signal) => (taken ??= enterNow(signal)),
    give: () => given.resolve(undefined),
  };
}
