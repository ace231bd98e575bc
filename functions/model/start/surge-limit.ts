import { surgeUsed as reason } from '#model/cache/ledger.ts';
import { pendingImages } from '#model/desired/desired-images.ts';
import { podsIn, pullsPerNode } from './node-busy.ts';
import type { ReasonToWait } from './reason-to-wait.ts';

/**
 * A node waits while as many pull Pods as `--jobs-max-surge` allows run over all caches of the installation, which protects
 * the API server. While none runs, a node may always start.
 */
export const surgeLimit: ReasonToWait = {
  records: { reason },
  prepare: ({ otherPulls, settings }, cache, desired) => {
    const podsOf = (images: readonly string[]): number => Math.min(pullsPerNode(cache, settings), images.length);
    const pulling = Object.values(cache.status.nodes).filter(({ state }) => state === 'Pulling');
    const own = pulling.map((entry) => podsOf(pendingImages(entry, desired.get(entry.desiredHash))));
    const others = [...otherPulls.values()].map(podsIn);
    let running = [...own, ...others].reduce((total, count) => total + count, 0);
    return {
      waits: ({ pending }) =>
        settings.jobsMaxSurge > 0 && running > 0 && running + podsOf(pending) > settings.jobsMaxSurge,
      started: ({ pending }) => {
        running += podsOf(pending);
      },
    };
  },
};
