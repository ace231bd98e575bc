import type { ImageCache } from '#model/cache/image-cache.ts';
import type { World } from '#model/world.ts';
import { desiredImagesOf, type DesiredImages } from './desired-images.ts';

/** Desired images by their hash. A hash that is missing here can only be evaluated once all nodes were observed. */
export type DesiredByHash = ReadonlyMap<string, DesiredImages>;

/** The desired images recorded in the status, without those whose hash differs since a setting has changed. */
export function knownDesired({ settings }: World, cache: ImageCache): readonly (readonly [string, DesiredImages])[] {
  return Object.entries(cache.status.desired).flatMap(([hash, lists]) => {
    const desired = desiredImagesOf(cache, lists, settings);
    return desired.hash === hash ? [[hash, desired] as const] : [];
  });
}
