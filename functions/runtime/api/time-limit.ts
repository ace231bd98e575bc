/** The time of a piece of work ran out. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

export type Deadline = {
  readonly signal: AbortSignal;
  /** Lets go of the time, not of the other signals: a stream has begun and may now last. */
  readonly lift: () => void;
  /** Lets go of everything; every deadline is cleared, or long-lived signals gather listeners. */
  readonly clear: () => void;
};

/** A signal that fires with `TimedOut` after `ms` (Infinity: never), or with the reason of one of `others` as soon as that fires. */
export function deadline(ms: number, others: readonly (AbortSignal | undefined)[]): Deadline {
  const controller = new AbortController();
  const runOut = (): void => controller.abort(new TimedOut(`no answer within ${ms} ms`));
  const timer = ms === Infinity ? undefined : setTimeout(runOut, ms);
  const lift = (): void => clearTimeout(timer);
  const signals = others.filter((each) => each !== undefined);
  const stop = (): void => controller.abort(signals.find((each) => each.aborted)?.reason);
  for (const each of signals) each.addEventListener('abort', stop, { once: true });
  if (signals.some((each) => each.aborted)) stop();
  const clear = (): void => {
    lift();
    for (const each of signals) each.removeEventListener('abort', stop);
  };
  return { signal: controller.signal, lift, clear };
}

/** What `promise` resolves to, unless `signal` fires first: then its reason is thrown, and the work goes on unheard. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(reasonOf(signal));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Why a signal fired, as an error whatever it was given. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('stopped', { cause: signal.reason });
}
