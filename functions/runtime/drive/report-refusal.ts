import { withRefusal } from '#model/round/open-conditions.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { isConflict, type ApiError } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';

/** Tells the user in the status why Jobs are not made: a quota, an admission policy, a missing right. */
export async function reportRefusal(before: ImageCache, refusal: ApiError, { cluster, now }: Context): Promise<void> {
  const cache = await cluster.cache(before);
  const status = cache === undefined ? undefined : withRefusal(cache, refusal.message, now());
  if (cache === undefined || status === undefined) return;
  try {
    await cluster.writeStatus(cache, status);
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
