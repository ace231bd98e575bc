import { anonymousPullOf } from '#model/cache/access.ts';
import { hasKnownLocks } from '#model/cache/image-states.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { keepsPullRecords, type Node } from '#model/node/node.ts';
import { namesCredentials } from './access.ts';
import { imagesDesiredOn } from './desired-images.ts';

/** The images that pull Pods may lock on one of these nodes, and that are not known to be given to anyone. */
export function imagesOfUnknownAccess(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const { anonymousPulls, nodes: ledger } = cache.status;
  const hasLocked = Object.values(ledger).some(hasKnownLocks);
  if (!hasLocked && !namesCredentials(cache, settings)) return [];
  const lockable = [...nodes].filter((node) => node !== undefined && keepsPullRecords(node));
  return imagesDesiredOn(cache, lockable, settings).filter(
    (image) => anonymousPullOf(anonymousPulls, image) !== 'Allowed',
  );
}
