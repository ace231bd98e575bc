import type { Ending } from '../ending.ts';

const hour = 3_600_000;

/** Within no hour did nodes pull more images of the registry than its budget allows. */
export function budget({ pulls, pullsPerHour }: Ending): readonly string[] {
  if (pullsPerHour === undefined) return [];
  const most = Math.max(0, ...pulls.map((from) => pulls.filter((time) => time >= from && time < from + hour).length));
  return most <= pullsPerHour ? [] : [`nodes pulled ${most} images within an hour, and ${pullsPerHour} were allowed`];
}
