import type { ImageCache } from '#model/cache/image-cache.ts';
import { logFailure } from '#runtime/log-failure.ts';
import type { Context } from '#runtime/handler.ts';

/** What a tick works on: one cache or one node, by name. */
export type Subject = { readonly cache: string } | { readonly node: string };

export const cacheSubject = ({ namespace, name }: Pick<ImageCache, 'namespace' | 'name'>): Subject => ({
  cache: `${namespace}/${name}`,
});

/**
 * Does a tick's work on one cache or node. A failure is logged and counted here and does not fail the tick, which would be
 * repeated for all: the next tick or the cache's own events retry it. Throws only when the process stops.
 */
export async function isolated(subject: Subject, work: () => Promise<void>, context: Context): Promise<void> {
  try {
    await work();
  } catch (error) {
    context.signal.throwIfAborted();
    logFailure(context.log, 'cache' in subject ? 'cache' : 'node', { ...subject, error });
    context.countFailure?.(error);
  }
}
