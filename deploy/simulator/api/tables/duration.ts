const units = { y: 365 * 86_400, d: 86_400, h: 3_600, m: 60, s: 1 } as const;

/** The size of the first unit and what is left, shown with a second unit unless that is zero. */
const two = (seconds: number, large: keyof typeof units, small: keyof typeof units): string => {
  const first = Math.floor(seconds / units[large]);
  const second = Math.floor((seconds - first * units[large]) / units[small]);
  return second === 0 ? `${first}${large}` : `${first}${large}${second}${small}`;
};

/** A span of time as kubectl shows it: coarser the longer it is. */
export const humanDuration = (ms: number): string => {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 600) return two(seconds, 'm', 's');
  if (seconds < 3 * units.h) return `${Math.floor(seconds / units.m)}m`;
  if (seconds < 8 * units.h) return two(seconds, 'h', 'm');
  if (seconds < 2 * units.d) return `${Math.floor(seconds / units.h)}h`;
  if (seconds < 8 * units.d) return two(seconds, 'd', 'h');
  if (seconds < 2 * units.y) return `${Math.floor(seconds / units.d)}d`;
  if (seconds < 8 * units.y) return two(seconds, 'y', 'd');
  return `${Math.floor(seconds / units.y)}y`;
};

/** How long ago a time of the wire was; `<unknown>` where there is none. */
export const since = (time: string, now: number): string =>
  time === '' ? '<unknown>' : humanDuration(now - Date.parse(time));
