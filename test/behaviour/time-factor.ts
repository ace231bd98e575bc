/** By how much timeouts are multiplied on a machine that runs other tests at the same time; times are not measured there. */
const onThisMachine = parsedFactor(process.env['TIME_FACTOR']);

/** Throws for anything but a number of at least 1: every wait compared with NaN would end at once. */
export function parsedFactor(value = '1'): number {
  const factor = Number(value);
  if (!(factor >= 1 && factor < Infinity)) throw new Error(`TIME_FACTOR is not a number of at least 1: "${value}"`);
  return factor;
}

export const isSharedMachine = onThisMachine > 1;

/** By how much timeouts are multiplied on this kind of cluster; set once, before its scenarios run. */
let factor = onThisMachine;

export const timeFactor = (): number => factor;

/** Milliseconds that a function takes which has to start first: one that is scaled to zero. */
let startTime = 0;

export const functionStartTime = (): number => startTime;

export function setTimeFactor(times: number, functionStart = 0): void {
  factor = Math.max(times, onThisMachine);
  startTime = functionStart;
}
