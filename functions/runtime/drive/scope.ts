import type { ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import type { Notice, ObjectReference } from '#model/cache/cloud-event.ts';
import { RetryLater } from '#runtime/errors.ts';

/** What to observe for a decision: everything about the cache, or what has changed. */
export type Scope = 'everything' | Changed;

/** Names of what changed; a Job of which only the Pod changed is not in `jobs`. */
export type Changed = {
  readonly nodes: readonly string[];
  readonly jobs: readonly string[];
  readonly pods: readonly string[];
};

export const nothingChanged: Changed = { nodes: [], jobs: [], pods: [] };

/**
 * What to observe after a notice: everything if it does not name what changed. `now` is in epoch milliseconds. Throws
 * `RetryLater` for a large cache that a source has just found, in case the process that wrote it has ended since.
 */
export function scopeOf(notice: Notice, cache: ImageCache, now: number): Scope {
  if (notice.type === 'tick') return 'everything';
  if (notice.object.kind !== 'ImageCache')
    return notice.changed === undefined ? 'everything' : changedIn(notice.changed);
  const mayBeLost =
    notice.changed === undefined || (notice.isRemoval !== true && (notice.verb === 'add' || hasOpenWork(cache)));
  if (!mayBeLost) return nothingChanged;
  if (!isBusy(cache, now)) return 'everything';
  if (notice.verb === 'add')
    throw new RetryLater(`${cache.namespace}/${cache.name} may be in progress elsewhere`, busyFor(cache, now));
  return nothingChanged;
}

/** Names by kind. */
export function changedIn(objects: readonly ObjectReference[]): Changed {
  const named = (kind: string): readonly string[] => [
    ...new Set(objects.filter((object) => object.kind === kind).map(({ name }) => name)),
  ];
  return { nodes: named('Node'), jobs: named('Job'), pods: named('Pod') };
}

/** Nodes from which on a cache is large: to observe all of it costs the API server many megabytes. */
const large = 100;

/** Milliseconds since the last write of the status, which a large cache gets every 5 s while it is driven. Clocks may differ either way. */
const recently = 15_000;

/** Whether another delivery is working on a large cache: observing everything would only cause conflicts, and the next tick follows. */
export function isBusy({ status, statusWrittenAt = 0 }: ImageCache, now: number): boolean {
  return Object.keys(status.nodes).length >= large && Math.abs(now - statusWrittenAt) < recently;
}

/** Milliseconds until it counts as left alone, unless its status is written again. */
const busyFor = ({ statusWrittenAt = 0 }: ImageCache, now: number): number =>
  Math.max(1000, statusWrittenAt + recently - now);

/** Whether Jobs exist or should exist. */
export const hasOpenWork = (cache: ImageCache): boolean =>
  cache.status.status === 'Processing' || Object.values(cache.status.nodes).some(isUnsettled);
