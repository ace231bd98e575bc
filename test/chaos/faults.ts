import type { SeededRandom } from './seeded-random.ts';

/** A request to the API server, as far as faults look at it. */
export type ApiRequest = { readonly method: string; readonly path: string };

/**
 * What goes wrong with one request. `isDone` says whether the API server does what was asked before nobody hears of it.
 * A `watch…` lets the watch begin and ends it after a while, with or without a word.
 */
export type Fault =
  | { readonly type: 'refuse'; readonly code: number; readonly retryAfter?: number; readonly isDone: boolean }
  | { readonly type: 'proxy page'; readonly code: number; readonly isDone: boolean }
  | { readonly type: 'expire'; readonly asEvent: boolean }
  | { readonly type: 'conflict'; readonly reason: 'Conflict' | 'AlreadyExists'; readonly isDone: boolean }
  | { readonly type: 'reset' | 'vanish' | 'kill'; readonly isDone: boolean }
  | { readonly type: 'cut short' }
  | { readonly type: 'delay'; readonly ms: number }
  | { readonly type: 'watch reset' | 'watch vanish' | 'watch expire'; readonly ms: number };

/** How bad a time a seed has: probabilities per request, and how many processes may die. */
export type FaultRates = { readonly rate: number; readonly kills: number; readonly restarts: number };

export function faultRatesOf(chance: SeededRandom): FaultRates {
  return {
    rate: chance.pick([0, 0.02, 0.05, 0.1, 0.2]),
    kills: chance.between(0, 6),
    restarts: chance.pick([0, 0, 1, 2]),
  };
}

const isWatch = ({ path }: ApiRequest): boolean => /[?&]watch=(true|1)/.test(path);

/** What is to go wrong with a request, if anything. */
export function faultFor(asked: ApiRequest, rate: number, chance: SeededRandom): Fault | undefined {
  // A watch is one request of many minutes: it is to have its share.
  if (!chance.is(isWatch(asked) ? Math.min(1, rate * 4) : rate)) return undefined;
  return isWatch(asked) ? watchFault(chance) : callFault(asked, chance);
}

function watchFault(chance: SeededRandom): Fault {
  const ms = chance.between(0, 40_000);
  return chance.pick<Fault>([
    { type: 'expire', asEvent: chance.is(0.5) },
    { type: 'watch expire', ms },
    { type: 'watch reset', ms },
    { type: 'watch vanish', ms },
    refusal(chance, false),
    { type: 'vanish', isDone: false },
    { type: 'reset', isDone: false },
  ]);
}

function callFault({ method, path }: ApiRequest, chance: SeededRandom): Fault {
  const isDone = chance.is(0.5);
  const special: readonly Fault[] = [
    ...(method === 'PATCH' || method === 'DELETE'
      ? [{ type: 'conflict', reason: 'Conflict', isDone: false } as const]
      : []),
    ...(method === 'POST' ? [{ type: 'conflict', reason: 'AlreadyExists', isDone: true } as const] : []),
    ...(path.includes('continue=') ? [{ type: 'expire', asEvent: false } as const] : []),
  ];
  return chance.pick<Fault>([
    refusal(chance, isDone),
    { type: 'refuse', code: 429, retryAfter: chance.between(1, 3), isDone: false },
    { type: 'proxy page', code: chance.pick([500, 502, 503, 504]), isDone },
    { type: 'reset', isDone },
    { type: 'vanish', isDone },
    { type: 'cut short' },
    { type: 'delay', ms: chance.pick([500, 5_000, 20_000, 45_000]) },
    ...special,
  ]);
}

function refusal(chance: SeededRandom, isDone: boolean): Fault {
  const code = chance.pick([429, 500, 500, 503, 504]);
  const retryAfter = code === 429 || chance.is(0.3) ? { retryAfter: chance.between(1, 3) } : {};
  // Who is throttled has not been served.
  return { type: 'refuse', code, isDone: isDone && code !== 429, ...retryAfter };
}
