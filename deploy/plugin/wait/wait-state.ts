import { annotations } from '#model/cache/api.ts';
import type { Condition, ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';

/** The state of a cache for a command that waits for it. */
export type WaitState = 'in progress' | 'done' | 'failed' | 'suspended';

/** Only conditions of the current generation count; a request that was not handled yet is in progress. */
export function waitStateOf(cache: ImageCache): WaitState {
  const { spec, status } = cache;
  if (spec.suspend) return 'suspended';
  if (currentCondition(cache, 'Reconciling')?.status !== 'False' || isRequested(cache)) return 'in progress';
  if (Object.values(status.nodes).some(isUnsettled)) return 'in progress';
  return hasSucceeded(cache) ? 'done' : 'failed';
}

/** A purged cache has succeeded although it is not Ready. */
function hasSucceeded(cache: ImageCache): boolean {
  const ready = currentCondition(cache, 'Ready');
  if (ready?.reason === 'Purged') return cache.status.status === 'Succeeded';
  return ready?.status === 'True';
}

export const currentCondition = ({ generation, status }: ImageCache, type: Condition['type']): Condition | undefined =>
  status.conditions.find((each) => each.type === type && each.observedGeneration === generation);

function isRequested({ annotations: given, status }: ImageCache): boolean {
  const isNew = (token: string | undefined, handled: string): boolean =>
    token !== undefined && token !== '' && token !== handled;
  return (
    annotations.refresh in given ||
    annotations.purge in given ||
    isNew(given[annotations.refreshRequestedAt], status.lastHandledRefreshAt) ||
    isNew(given[annotations.purgeRequestedAt], status.lastHandledPurgeAt)
  );
}
