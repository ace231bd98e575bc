import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';

/** How long a Pod may take to start, and a failing pull may back off, in milliseconds. */
export function pullDeadline(cache: ImageCache, settings: Settings): number {
  const { pullDeadlineSeconds } = cache.spec;
  return pullDeadlineSeconds === undefined ? settings.imagePullDeadline : pullDeadlineSeconds * 1000;
}

/**
 * How long a started Pod may leave this many of its images unreported, in milliseconds.
 * A kubelet pulls the images of a Pod one after another and reports none until all were tried. A registry that does not
 * respond blocks them all: containerd 1.7 times out after 301 s, 2.2 (measured) only when the connection breaks.
 */
export function startedDeadline(cache: ImageCache, settings: Settings, images: number): number {
  return Math.max(330_000, pullDeadline(cache, settings) * images);
}

/** How long the Job controller may take to create a Pod before its FailedCreate Events are trusted, in milliseconds. */
export const podCreationGrace = 10_000;
