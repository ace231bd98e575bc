import { drive } from '#runtime/drive/drive.ts';
import type { Handler } from '#runtime/handler.ts';
import { scopeOf } from '#runtime/drive/scope.ts';

/** Records what Jobs and their Pods have come to, and drives the round on: the next Jobs, another try, its end. Opens none itself. */
export const jobComplete: Handler = async (notice, context) => {
  if (notice.type === 'tick') return;
  const cache = notice.cache ?? (await context.cluster.cacheOf(notice.object));
  if (cache === undefined) return;
  await drive({ cache, scope: (live) => scopeOf(notice, live, context.now()), opens: [], makes: 'pulls' }, context);
};
