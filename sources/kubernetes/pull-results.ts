import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { ledgerImages } from '#model/desired/placements.ts';

/** Numbers of images by pull result. */
export type PullResults = Readonly<Record<'succeeded' | 'failed' | 'lost', number>>;

/** Pull results between two states of a cache, of each attempt of a node that has ended. */
export function pullResults(before: ImageCache, after: ImageCache): PullResults {
  const results = { succeeded: 0, failed: 0, lost: 0 };
  for (const [name, entry] of Object.entries(before.status.nodes)) {
    const now = after.status.nodes[name];
    if (!isPulling(entry) || now === undefined || !isOver(entry, now)) continue;
    const tried = entry.pendingImages?.length ?? ledgerImages(before, entry.desiredHash).length;
    const failed = failedOf(entry, now);
    if (failed === undefined) results.lost += tried;
    else {
      results.failed += failed;
      results.succeeded += Math.max(0, tried - failed);
    }
  }
  return results;
}

/** How many images failed; undefined if the attempt was lost: it has no results and is repeated. */
function failedOf(before: LedgerEntry, after: LedgerEntry): number | undefined {
  if (after.state === 'Ready') return 0;
  // Images that are not tried on the node are none of its failures to pull.
  if (after.state === 'Failed' || after.opening !== undefined)
    return after.failedImages.filter((index) => !after.absentImages.includes(index)).length;
  return before.failedImages.length === 0 && after.failedImages.length > 0 ? after.failedImages.length : undefined;
}

/** Images that are opened were pulled before. */
const isPulling = ({ state, opening }: LedgerEntry): boolean => state === 'Pulling' && opening === undefined;

/** The next attempt may have started in the same write. */
const isOver = (before: LedgerEntry, after: LedgerEntry): boolean =>
  before.id === after.id &&
  before.desiredHash === after.desiredHash &&
  (!isPulling(after) || after.attempt !== before.attempt);
