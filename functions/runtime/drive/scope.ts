import type { ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import type { Notice, ObjectReference } from '#model/cache/cloud-event.ts';

/** How much of the world a decision looks at: all that concerns the cache, or what has changed. */
export type Scope = 'everything' | Changed;

/** Names of what changed; Jobs that only their Pod told of are not in `jobs`. */
export type Changed = {
  readonly nodes: readonly string[];
  readonly jobs: readonly string[];
  readonly pods: readonly string[];
};

export const nothingChanged: Changed = { nodes: [], jobs: [], pods: [] };

/** What a notice asks to look at. One that does not tell what changed asks for everything. `now` is in epoch milliseconds. */
export function scopeOf(notice: Notice, cache: ImageCache, now: number): Scope {
  if (notice.type === 'tick') return 'everything';
  if (notice.object.kind !== 'ImageCache')
    return notice.changed === undefined ? 'everything' : changedIn(notice.changed);
  const mayBeLost =
    notice.changed === undefined || (notice.isRemoval !== true && (notice.verb === 'add' || hasOpenWork(cache)));
  return mayBeLost && !isBusy(cache, now) ? 'everything' : nothingChanged;
}

/** Names by kind. */
export function changedIn(objects: readonly ObjectReference[]): Changed {
  const named = (kind: string): readonly string[] => [
    ...new Set(objects.filter((object) => object.kind === kind).map(({ name }) => name)),
  ];
  return { nodes: named('Node'), jobs: named('Job'), pods: named('Pod') };
}

/** A large cache costs the API server many megabytes to look at as a whole. */
const large = 100;

/** Milliseconds from a write of the status: a large cache has one every 5 s while it is driven on. The API server's clock may be ahead of ours. */
const recently = 15_000;

/** Whether somebody is driving a large cache on just now: a look at everything would only be in the way, and the next tick comes. */
export function isBusy({ status, statusWrittenAt = 0 }: ImageCache, now: number): boolean {
  return Object.keys(status.nodes).length >= large && Math.abs(now - statusWrittenAt) < recently;
}

/** Whether Jobs are out, or should be. */
export const hasOpenWork = (cache: ImageCache): boolean =>
  cache.status.status === 'Processing' || Object.values(cache.status.nodes).some(isUnsettled);
