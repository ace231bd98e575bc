/** How much longer than a process beside the API server this kind of cluster may take for everything; set once, before its scenarios run. */
let factor = 1;

export const timeFactor = (): number => factor;

export function setTimeFactor(times: number): void {
  factor = times;
}
