import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { keepsPullRecords, type Node } from '#model/node/node.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import { namesCredentials } from './access.ts';
import { imagesDesiredOn } from './moving-images.ts';

/** The images that pull Pods may lock on one of these nodes, and that are not known to be given to anyone. */
export function imagesOfUnknownAccess(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const { anonymousPulls } = cache.status;
  const mayLock = namesCredentials(cache, settings) || Object.values(anonymousPulls).includes('Denied');
  if (!mayLock) return [];
  const lockable = [...nodes].filter((node) => node !== undefined && keepsPullRecords(node));
  return imagesDesiredOn(cache, lockable, settings).filter((image) => ownEntry(anonymousPulls, image) !== 'Allowed');
}
