import { eventually } from './eventually.ts';
import type { ObservedCache } from './observed.ts';
import type { World } from './world.ts';

/** The cache named `cache` once its round of this number has ended. */
export const refreshed = (world: World, number: number): Promise<ObservedCache> =>
  eventually(`round ${number} has ended`, () => {
    const cache = world.history.cache('cache');
    return cache?.status.round?.number === number && cache.status.status !== 'Processing' ? cache : undefined;
  });
