import type { Received } from './event-sink.ts';

/** A change that was asked of the API server, and when. */
export type Written = { readonly name: string; readonly at: number };

/** Milliseconds from each write to the first event after it that names its object; what was never told of is counted. */
export function lagsOf(
  written: readonly Written[],
  received: readonly Received[],
): { readonly lags: readonly number[]; readonly unreported: number } {
  const times = new Map<string, number[]>();
  for (const { names, at } of received) for (const name of names) times.set(name, [...(times.get(name) ?? []), at]);
  const found = written.map(({ name, at }) => {
    const told = times.get(name)?.find((time) => time >= at);
    return told === undefined ? undefined : told - at;
  });
  const lags = found.filter((lag) => lag !== undefined);
  return { lags, unreported: found.length - lags.length };
}
