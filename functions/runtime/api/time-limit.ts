/** A time limit was exceeded. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

export type Deadline = {
  readonly signal: AbortSignal;
  /** Cancels the time limit but not the other signals: a stream that has started may last. */
  readonly lift: () => void;
  /** Cancels everything; must be called, or long-lived signals accumulate listeners. */
  readonly clear: () => void;
};

/** A signal that fires with `TimedOut` after `ms` (Infinity: never), or with the reason of the first of `others` to fire. */
export function deadline(ms: number, others: readonly (AbortSignal | undefined)[]): Deadline {
  const controller = new AbortController();
  const expire = (): void => controller.abort(new TimedOut(`no answer within ${ms} ms`));
  const timer = ms === Infinity ? undefined : setTimeout(expire, ms);
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

/** Starts work and awaits it, but throws the signal's reason if it fires first; the work itself is not stopped. */
export async function orAborted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(reasonOf(signal));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The reason of an aborted signal, always an Error. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('stopped', { cause: signal.reason });
}
