const units = [
  ['y', 2 * 365 * 86_400, 365 * 86_400],
  ['d', 2 * 86_400, 86_400],
  ['h', 3 * 3_600, 3_600],
  ['m', 120, 60],
  ['s', 0, 1],
] as const;

/** A span of time in the largest unit of which it has several. */
export const humanDuration = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, , size] = units.find(([, least]) => seconds >= least) ?? units[4];
  return `${Math.floor(seconds / size)}${unit}`;
};

/** How long ago a time of the wire was; `<unknown>` where there is none. */
export const since = (time: string, now: number): string =>
  time === '' ? '<unknown>' : humanDuration(now - Date.parse(time));
