import { setTimeout as sleep } from 'node:timers/promises';
import { timeFactor } from './time-factor.ts';

/** Milliseconds between two probes; most probes are cheap, as they read memory. */
const pause = 50;

/**
 * The result of a probe, as soon as it is neither undefined nor false.
 * Throws with the awaited state and the last error of the probe after this many seconds times the factor of the cluster.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 30,
): Promise<T> {
  const allowed = seconds * timeFactor();
  const end = Date.now() + allowed * 1000;
  let trouble: unknown;
  while (Date.now() < end) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
      trouble = undefined;
    } catch (error) {
      trouble = error;
    }
    await sleep(pause);
  }
  throw new Error(`not within ${allowed} s: ${what}`, trouble === undefined ? {} : { cause: trouble });
}

/** Checks that a probe does not throw for this many seconds. */
export async function throughout(seconds: number, probe: () => void): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    probe();
    await sleep(pause);
  }
}
