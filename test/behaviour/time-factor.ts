/** By how much timeouts are multiplied on a machine that runs other tests at the same time; times are not measured there. */
const onThisMachine = Number(process.env['TIME_FACTOR'] ?? 1);

export const isSharedMachine = onThisMachine > 1;

/** By how much timeouts are multiplied on this kind of cluster; set once, before its scenarios run. */
let factor = onThisMachine;

export const timeFactor = (): number => factor;

export function setTimeFactor(times: number): void {
  factor = Math.max(times, onThisMachine);
}
