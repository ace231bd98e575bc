import { drive } from '#runtime/drive/drive.ts';
import type { Handler } from '#runtime/handler.ts';
import { queryFor } from '#runtime/drive/observe.ts';

/** Records the results of Jobs and their Pods, and continues the round: the next Jobs, a retry, or its end. Opens no round. */
export const jobComplete: Handler = async (notice, context) => {
  if (notice.type === 'tick') return;
  const cache = notice.cache ?? (await context.cluster.cacheOf(notice.object));
  if (cache === undefined) return;
  await drive({ cache, query: (live) => queryFor(notice, live, context.now()), opens: [], makes: 'pulls' }, context);
};
