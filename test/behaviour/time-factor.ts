/** By how much timeouts are multiplied on this kind of cluster; set once, before its scenarios run. */
let factor = 1;

export const timeFactor = (): number => factor;

export function setTimeFactor(times: number): void {
  factor = times;
}
