import { deadline, TimedOut } from '#runtime/api/time-limit.ts';
import { limiter, type Limiter } from '#runtime/api/limiter.ts';
import { NoAnswer } from './no-answer.ts';

/** Manners towards the servers that are asked: how much at once, and when one is left alone. */
export type Hosts = {
  /** Makes a call once there is room for it. Throws `NoAnswer` at once while the host rests, or if its turn does not come in time. */
  readonly visit: <T>(host: string, call: () => Promise<T>) => Promise<T>;
  /** Leaves a host alone for a while, by its own wish. Answers with the milliseconds: an hour at most, as some tell a date as a duration. */
  readonly rest: (host: string, ms: number, why: string) => number;
  /** Hears how each call ended: a host that time after time does not answer is left alone for a while too, so that nobody waits for it. */
  readonly heard: (host: string, inTime: boolean) => void;
};

export type HostLimits = {
  readonly concurrency: number;
  readonly perHost: number;
  /** Milliseconds a call waits for its turn. */
  readonly lineTimeout: number;
  readonly now: () => number;
};

type Known = {
  readonly enter: Limiter;
  visitors: number;
  silences: number;
  rest: { readonly until: number; readonly why: string };
};

const longestRest = 3_600_000;
const restOfSilent = 30_000;
const silencesInARow = 4;
const mostKnown = 1000;

/** The line of a host comes before the common one, so that whoever waits for a slow host takes no room from the others. */
export function createHosts({ concurrency, perHost, lineTimeout, now }: HostLimits, closing: AbortSignal): Hosts {
  const all = limiter(concurrency);
  const known = new Map<string, Known>();
  const of = (host: string): Known => {
    const found = known.get(host) ?? { enter: limiter(perHost), visitors: 0, silences: 0, rest: { until: 0, why: '' } };
    known.set(host, found);
    return found;
  };
  const rest = (host: string, ms: number, why: string): number => {
    const bounded = Math.min(ms, longestRest);
    of(host).rest = { until: now() + bounded, why };
    return bounded;
  };
  return {
    rest,
    visit: async (host, call) => {
      forgetIdle(known, now());
      const one = of(host);
      refuseResting(host, one, now());
      one.visitors += 1;
      const line = deadline(lineTimeout, [closing]);
      const admitted = (): ReturnType<typeof call> => {
        refuseResting(host, one, now());
        return call();
      };
      try {
        return await one.enter(() => all(admitted, line.signal), line.signal);
      } catch (error) {
        throw error instanceof TimedOut ? lateFor(host, lineTimeout) : error;
      } finally {
        one.visitors -= 1;
        line.clear();
      }
    },
    heard: (host, inTime) => {
      const one = of(host);
      one.silences = inTime ? 0 : one.silences + 1;
      if (one.silences < silencesInARow) return;
      one.silences = 0;
      rest(host, restOfSilent, 'has not answered in time, time after time');
    },
  };
}

const lateFor = (host: string, ms: number): NoAnswer =>
  new NoAnswer(`the turn to ask ${host} did not come within ${ms} ms`);

function refuseResting(host: string, { rest }: Known, now: number): void {
  const left = rest.until - now;
  if (left > 0) throw new NoAnswer(`${host} ${rest.why}, and is left alone for ${Math.ceil(left / 1000)} s`, left);
}

/** Hosts are named by users, so that without this the memory of them would grow for ever. */
function forgetIdle(known: Map<string, Known>, now: number): void {
  if (known.size < mostKnown) return;
  for (const [host, { visitors, rest }] of known) if (visitors === 0 && rest.until <= now) known.delete(host);
}
