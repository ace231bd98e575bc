import { deadline, TimedOut, boundedLimiter, limiter, type Limiter } from '#runtime/api/limits.ts';
import type { Slots } from '#runtime/bounds.ts';
import { NoAnswer, unreachable } from './send-request.ts';

/**
 * Limits concurrency, and backs off from hosts that throttle or time out. Each namespace has a share of its own, and backs
 * off alone: its users choose the hosts, and must not keep those of others from answers.
 */
export type Hosts = {
  /** Makes a call once a slot is free. Throws `NoAnswer` during backoff, or if no slot is free in time. */
  readonly visit: <T>(visitor: Visitor, call: () => Promise<T>) => Promise<T>;
  /** Starts the backoff that a host requested. Returns its milliseconds: at most an hour, as some hosts send a date as seconds. */
  readonly rest: (visitor: Visitor, ms: number, why: string) => number;
  /** Records whether a call was answered in time; repeated time-outs start a backoff, so that callers do not wait. */
  readonly heard: (visitor: Visitor, inTime: boolean) => void;
};

/** Which host is asked, for a cache of which namespace. */
export type Visitor = { readonly host: string; readonly namespace: string };

export type HostLimits = {
  /** Of all namespaces. */
  readonly calls: Slots;
  /** Of one namespace. */
  readonly concurrency: number;
  readonly perHost: number;
  /** Milliseconds that a call waits for a slot. */
  readonly lineTimeout: number;
  readonly now: () => number;
  /** Called with the milliseconds by which a backoff makes the time longer that a host is left alone. */
  readonly onRest: (ms: number) => void;
};

/** What one namespace knows of one host. */
type Known = { active: number; timeouts: number; rest: { readonly until: number; readonly why: string } };

const maxBackoff = 3_600_000;
const timeoutBackoff = 30_000;
const maxTimeouts = 4;
const maxKnown = 1000;

/**
 * Acquires slots from the narrowest to the widest: of the namespace at this host, of the namespace, of the host, of all. A
 * call that waits for a slow host holds only slots of its namespace, and at most as many as one host gets.
 */
export function createHosts(
  { calls, concurrency, perHost, lineTimeout, now, onRest }: HostLimits,
  closing: AbortSignal,
): Hosts {
  const all = boundedLimiter(calls);
  const ofHostAndNamespace = limiters(perHost);
  const ofNamespace = limiters(concurrency);
  const ofHost = limiters(perHost);
  const known = new Map<string, Known>();
  const of = (visitor: Visitor): Known => {
    const found = known.get(keyOf(visitor)) ?? { active: 0, timeouts: 0, rest: { until: 0, why: '' } };
    known.set(keyOf(visitor), found);
    return found;
  };
  const rest = (visitor: Visitor, ms: number, why: string): number => {
    const bounded = Math.min(ms, maxBackoff);
    const until = now() + bounded;
    onRest(Math.max(0, until - Math.max(now(), restEnd(known, visitor.host))));
    of(visitor).rest = { until, why };
    return bounded;
  };
  return {
    rest,
    visit: async (visitor, call) => {
      const { host, namespace } = visitor;
      forgetIdle(known, now());
      const one = of(visitor);
      throwIfResting(host, one, now());
      one.active += 1;
      const { signal, clear } = deadline(lineTimeout, [closing]);
      const admitted = (): ReturnType<typeof call> => {
        throwIfResting(host, one, now());
        return call();
      };
      const atHost = (): ReturnType<typeof call> => ofHost(host, () => all(admitted, signal), signal);
      const inNamespace = (): ReturnType<typeof call> => ofNamespace(namespace, atHost, signal);
      try {
        return await ofHostAndNamespace(keyOf(visitor), inNamespace, signal);
      } catch (error) {
        throw error instanceof TimedOut ? lateFor(host, lineTimeout) : error;
      } finally {
        one.active -= 1;
        clear();
      }
    },
    heard: (visitor, inTime) => {
      const one = of(visitor);
      one.timeouts = inTime ? 0 : one.timeouts + 1;
      if (one.timeouts < maxTimeouts) return;
      one.timeouts = 0;
      rest(visitor, timeoutBackoff, unreachable);
    },
  };
}

const keyOf = ({ host, namespace }: Visitor): string => `${namespace} ${host}`;

/** When the last namespace that leaves a host alone asks it again; 0 if none does. */
const restEnd = (known: ReadonlyMap<string, Known>, host: string): number =>
  Math.max(0, ...[...known].flatMap(([key, { rest }]) => (key.endsWith(` ${host}`) ? [rest.until] : [])));

type LimiterOf = <T>(key: string, work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** A limiter for each key, as long as somebody uses it. */
function limiters(limit: number): LimiterOf {
  const inUse = new Map<string, { readonly enter: Limiter; users: number }>();
  return async (key, work, signal) => {
    const one = inUse.get(key) ?? { enter: limiter(limit), users: 0 };
    inUse.set(key, one);
    one.users += 1;
    try {
      return await one.enter(work, signal);
    } finally {
      one.users -= 1;
      if (one.users === 0) inUse.delete(key);
    }
  };
}

const lateFor = (host: string, ms: number): NoAnswer =>
  new NoAnswer(`the turn to ask ${host} did not come within ${ms} ms`);

function throwIfResting(host: string, { rest }: Known, now: number): void {
  const left = rest.until - now;
  if (left <= 0) return;
  const pause = rest.why === unreachable ? '' : `, and is left alone for ${Math.ceil(left / 1000)} s`;
  throw new NoAnswer(`${host} ${rest.why}${pause}`, left);
}

/** Bounds memory, as users choose the hosts: forgets expired entries, then the oldest without waiters. */
function forgetIdle(known: Map<string, Known>, now: number): void {
  if (known.size < maxKnown) return;
  for (const [key, { active, rest }] of known) if (active === 0 && rest.until <= now) known.delete(key);
  for (const [key, { active }] of known) if (active === 0 && known.size >= maxKnown) known.delete(key);
}
