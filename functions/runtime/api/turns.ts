import { setImmediate } from 'node:timers/promises';

/** Waits for the caller's turn to compute. */
export type Turn = () => Promise<void>;

/**
 * Turns to compute, one in each iteration of the event loop: what many callers compute at the same time does not keep a probe
 * from being answered.
 */
export function createTurns(): Turn {
  let last: Promise<void> = Promise.resolve();
  return () => {
    last = last.then(() => setImmediate());
    return last;
  };
}

/** Milliseconds after which a loop over many items lets others compute. */
const slice = 20;

/** To be awaited after each item of a loop: lets others compute once the loop has done so for a while. */
export function slices(): () => Promise<void> | undefined {
  let begin = performance.now();
  return () => {
    if (performance.now() - begin < slice) return undefined;
    return setImmediate().then(() => void (begin = performance.now()));
  };
}
