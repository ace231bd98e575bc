import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { UnreadableCache } from '#runtime/cluster/objects.ts';
import type { Context } from '#runtime/handler.ts';

/** Reports a cache that cannot be served because it cannot be parsed: to the operator in the log, to its owner by an Event, which is recorded once. */
export async function reportUnreadable(cache: UnreadableCache, { cluster, log, now }: Context): Promise<void> {
  log.warn({ cache: `${cache.namespace}/${cache.name}`, problem: cache.problem }, 'cache is invalid and not served');
  const event: CacheEvent = {
    type: 'Warning',
    reason: 'InvalidCache',
    message: `This ImageCache is not served: ${cache.problem}`,
    key: cache.problem,
  };
  if (!(await cluster.isRecorded(cache, event))) await cluster.record(cache, event, now());
}
