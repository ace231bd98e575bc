import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';

/** How long a Pod may take to start, and then to pull each of its images, in milliseconds; Infinity: no limit. */
export function pullDeadline(cache: ImageCache, settings: Settings): number {
  const { pullDeadlineSeconds } = cache.spec;
  const given = pullDeadlineSeconds === undefined ? settings.imagePullDeadline : pullDeadlineSeconds * 1000;
  return given === 0 ? Infinity : given;
}

const hour = 3_600_000;

/** How long the Pod of a removal may take to start, and then to run, in milliseconds: a deletion never waits without a limit. */
export const removalDeadline = ({ imagePullDeadline }: Settings): number =>
  imagePullDeadline === 0 ? hour : imagePullDeadline;

/** How long the Job controller may take to create a Pod before its FailedCreate Events are trusted, in milliseconds. */
export const podCreationGrace = 10_000;
