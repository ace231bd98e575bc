import { limiter } from '#runtime/api/limits.ts';
import { boundTable } from '#runtime/bounds.ts';

/** Makes the calls of one decision, a share of those to the API server at once: those of other caches do not wait behind hundreds. */
export function shareOfCalls<T>(calls: readonly (() => Promise<T>)[], signal: AbortSignal): readonly Promise<T>[] {
  const enter = limiter(boundTable.cache_calls.limit);
  return calls.map(async (call) => enter(call, signal));
}
