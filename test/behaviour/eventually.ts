import { setTimeout as sleep } from 'node:timers/promises';
import { timeFactor } from './time-factor.ts';

/** Milliseconds between two looks: most looks cost nothing, as what is watched is in memory. */
const pause = 50;

/**
 * What a probe finds, as soon as it is there; undefined and false are not there yet.
 * Throws, with what it waited for and what the probe last threw, when so many seconds have passed, or as many times more as the cluster needs.
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

/** That something stays so for so many seconds; the probe throws when it does not. */
export async function throughout(seconds: number, probe: () => void): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    probe();
    await sleep(pause);
  }
}
