import { deadline, TimedOut } from '#runtime/api/time-limit.ts';
import { limiter, type Limiter } from '#runtime/api/limiter.ts';
import { NoAnswer } from './no-answer.ts';

/** Limits concurrency per host, and backs off from hosts that throttle or time out. */
export type Hosts = {
  /** Makes a call once a slot is free. Throws `NoAnswer` during backoff, or if no slot is free in time. */
  readonly visit: <T>(host: string, call: () => Promise<T>) => Promise<T>;
  /** Starts the backoff that a host requested. Returns its milliseconds: at most an hour, as some hosts send a date as seconds. */
  readonly rest: (host: string, ms: number, why: string) => number;
  /** Records whether a call was answered in time; repeated time-outs start a backoff, so that callers do not wait. */
  readonly heard: (host: string, inTime: boolean) => void;
};

export type HostLimits = {
  readonly concurrency: number;
  readonly perHost: number;
  /** Milliseconds that a call waits for a slot. */
  readonly lineTimeout: number;
  readonly now: () => number;
};

type Known = {
  readonly enter: Limiter;
  active: number;
  timeouts: number;
  rest: { readonly until: number; readonly why: string };
};

const maxBackoff = 3_600_000;
const timeoutBackoff = 30_000;
const maxTimeouts = 4;
const maxKnown = 1000;

/** Acquires the slot of the host before the common one, so that calls that wait for a slow host block no others. */
export function createHosts({ concurrency, perHost, lineTimeout, now }: HostLimits, closing: AbortSignal): Hosts {
  const all = limiter(concurrency);
  const known = new Map<string, Known>();
  const of = (host: string): Known => {
    const found = known.get(host) ?? { enter: limiter(perHost), active: 0, timeouts: 0, rest: { until: 0, why: '' } };
    known.set(host, found);
    return found;
  };
  const rest = (host: string, ms: number, why: string): number => {
    const bounded = Math.min(ms, maxBackoff);
    of(host).rest = { until: now() + bounded, why };
    return bounded;
  };
  return {
    rest,
    visit: async (host, call) => {
      forgetIdle(known, now());
      const one = of(host);
      throwIfResting(host, one, now());
      one.active += 1;
      const line = deadline(lineTimeout, [closing]);
      const admitted = (): ReturnType<typeof call> => {
        throwIfResting(host, one, now());
        return call();
      };
      try {
        return await one.enter(() => all(admitted, line.signal), line.signal);
      } catch (error) {
        throw error instanceof TimedOut ? lateFor(host, lineTimeout) : error;
      } finally {
        one.active -= 1;
        line.clear();
      }
    },
    heard: (host, inTime) => {
      const one = of(host);
      one.timeouts = inTime ? 0 : one.timeouts + 1;
      if (one.timeouts < maxTimeouts) return;
      one.timeouts = 0;
      rest(host, timeoutBackoff, 'has not answered in time, time after time');
    },
  };
}

const lateFor = (host: string, ms: number): NoAnswer =>
  new NoAnswer(`the turn to ask ${host} did not come within ${ms} ms`);

function throwIfResting(host: string, { rest }: Known, now: number): void {
  const left = rest.until - now;
  if (left > 0) throw new NoAnswer(`${host} ${rest.why}, and is left alone for ${Math.ceil(left / 1000)} s`, left);
}

/** Bounds memory, as users choose the hosts. */
function forgetIdle(known: Map<string, Known>, now: number): void {
  if (known.size < maxKnown) return;
  for (const [host, { active, rest }] of known) if (active === 0 && rest.until <= now) known.delete(host);
}
