import type { ImageCache } from '#model/image-cache.ts';
import type { LedgerEntry } from '#model/ledger.ts';
import { imagesOf } from '#model/wanted.ts';

/** Images by what came of pulling them. */
export type PullResults = Readonly<Record<'succeeded' | 'failed' | 'lost', number>>;

/** What came of pulls between two states of a cache: each node that was pulling, and no longer is, has told. */
export function pullResults(before: ImageCache, after: ImageCache): PullResults {
  const results = { succeeded: 0, failed: 0, lost: 0 };
  for (const [name, entry] of Object.entries(before.status.nodes)) {
    const now = after.status.nodes[name];
    if (entry.state !== 'Pulling' || now === undefined || now.state === 'Pulling' || !isSameWork(entry, now)) continue;
    const tried = entry.todo?.length ?? imagesOf(before, before.status.wants[entry.want] ?? []).length;
    const failed = failedOf(entry, now);
    if (failed === undefined) results.lost += tried;
    else {
      results.failed += failed;
      results.succeeded += Math.max(0, tried - failed);
    }
  }
  return results;
}

/** How many failed; undefined where the try was lost: it is to be done again, and has taught nothing. */
function failedOf(before: LedgerEntry, after: LedgerEntry): number | undefined {
  if (after.state === 'Ready') return 0;
  if (after.state === 'Failed') return after.failed.length;
  return after.state === 'Pending' && before.failed.length === 0 && after.failed.length > 0
    ? after.failed.length
    : undefined;
}

const isSameWork = (one: LedgerEntry, other: LedgerEntry): boolean => one.id === other.id && one.want === other.want;
