import { annotations } from '#model/cache/api.ts';
import type { Condition, ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';

/** Where a cache stands for somebody who waits for it. */
export type Standing = 'under way' | 'good' | 'failed' | 'suspended';

/** Only conditions of the live generation tell; a request that was not taken up yet is work to come. */
export function standing(cache: ImageCache): Standing {
  const { spec, status } = cache;
  if (spec.suspend) return 'suspended';
  if (conditionNow(cache, 'Reconciling')?.status !== 'False' || isAsked(cache)) return 'under way';
  if (Object.values(status.nodes).some(isUnsettled)) return 'under way';
  return isGood(cache) ? 'good' : 'failed';
}

/** A purged cache has done what was wanted of it, though it is not Ready. */
function isGood(cache: ImageCache): boolean {
  const ready = conditionNow(cache, 'Ready');
  if (ready?.reason === 'Purged') return cache.status.status === 'Succeeded';
  return ready?.status === 'True';
}

export const conditionNow = ({ generation, status }: ImageCache, type: Condition['type']): Condition | undefined =>
  status.conditions.find((each) => each.type === type && each.observedGeneration === generation);

function isAsked({ annotations: given, status }: ImageCache): boolean {
  const isNew = (token: string | undefined, handled: string): boolean =>
    token !== undefined && token !== '' && token !== handled;
  return (
    annotations.refresh in given ||
    annotations.purge in given ||
    isNew(given[annotations.refreshRequestedAt], status.lastHandledRefreshAt) ||
    isNew(given[annotations.purgeRequestedAt], status.lastHandledPurgeAt)
  );
}
