import type { ImageCache } from '#model/cache/image-cache.ts';
import { withRefusedJobs } from '#model/report/reported-status.ts';
import { isConflict, unless, type ApiError } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';

/** Writes to the status why Jobs are not created, in the API server's words: a quota, an admission policy, a missing right. */
export async function reportRefusal(before: ImageCache, refusal: ApiError, { cluster, now }: Context): Promise<void> {
  const cache = await cluster.cache(before);
  const status = cache && withRefusedJobs(cache, refusal.message, now());
  if (cache !== undefined && status !== undefined) await unless(isConflict, cluster.writeStatus(cache, status));
}
