import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';

/** How long a Pod may take to start, and a failing pull may back off, in milliseconds. */
export function pullDeadline(cache: ImageCache, settings: Settings): number {
  const { pullDeadlineSeconds } = cache.spec;
  return pullDeadlineSeconds === undefined ? settings.imagePullDeadline : pullDeadlineSeconds * 1000;
}

/**
 * How long a Pod that has started may go on with no word of so many of its images, in milliseconds.
 * A kubelet pulls them one after another and says nothing until all are tried, and a registry that hangs holds them up: containerd 1.7 lets go after 301 s, 2.2 (measured) only when the connection breaks.
 */
export function startedDeadline(cache: ImageCache, settings: Settings, images: number): number {
  return Math.max(330_000, pullDeadline(cache, settings) * images);
}
