import type { SeededRandom } from './seeded-random.ts';

/** The properties of a request to the API server that faults depend on. */
export type ApiRequest = { readonly method: string; readonly path: string };

/**
 * The fault of one request. `isDone` says whether the API server processes the request although the client gets no response.
 * A `watch…` fault starts the watch and ends it after a while, with or without an error event.
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

/** The severity of a seed: fault probabilities per request, and the maximum number of kills. */
export type FaultRates = { readonly rate: number; readonly kills: number; readonly restarts: number };

export function faultRatesOf(chance: SeededRandom): FaultRates {
  return {
    rate: chance.pick([0, 0.02, 0.05, 0.1, 0.2]),
    kills: chance.between(0, 6),
    restarts: chance.pick([0, 0, 1, 2]),
  };
}

const isWatch = ({ path }: ApiRequest): boolean => /[?&]watch=(true|1)/.test(path);

/** The fault of a request, if any. */
export function faultFor(asked: ApiRequest, rate: number, chance: SeededRandom): Fault | undefined {
  // A watch is one request of many minutes, so it gets more faults.
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
  // A throttled request was not processed.
  return { type: 'refuse', code, isDone: isDone && code !== 429, ...retryAfter };
}
