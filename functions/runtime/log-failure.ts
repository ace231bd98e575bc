import type { Logger } from 'pino';
import { failureKind } from './errors.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Context } from './handler.ts';

/** Logs the failure of an event, or of one cache or node of a tick: as a warning if the API server failed, as an error if it is unexpected. */
export function logFailure(
  log: Logger,
  what: 'event' | 'cache' | 'node' | 'task',
  { error, ...fields }: LoggedFailure,
): void {
  switch (failureKind(error)) {
    case 'retry':
      log.info({ ...fields, ...reasonOf(error) }, `${what} is retried later`);
      return;
    case 'rejected':
      log.warn({ ...fields, err: error }, `${what} rejected`);
      return;
    case 'apiError':
      log.warn({ ...fields, err: error }, `${what} failed at the API server`);
      return;
    case 'unexpected':
      log.error({ ...fields, err: error }, `${what} failed`);
  }
}

type LoggedFailure = { readonly error: unknown } & Readonly<Record<string, unknown>>;

const reasonOf = (error: unknown): object =>
  error instanceof Error ? { reason: error.message, cause: error.cause } : {};

/** What a tick works on: one cache or one node, by name, or what concerns all of them. */
export type Subject = { readonly cache: string } | { readonly node: string } | { readonly task: string };

export const cacheSubject = ({ namespace, name }: Pick<ImageCache, 'namespace' | 'name'>): Subject => ({
  cache: `${namespace}/${name}`,
});

/**
 * Does a tick's work on one cache or node. A failure is logged and counted here and does not fail the tick, which would be
 * repeated for all: the next tick or the cache's own events retry it. Throws only when the process stops.
 */
export async function isolated(subject: Subject, work: () => Promise<unknown>, context: Context): Promise<void> {
  try {
    await work();
  } catch (error) {
    context.signal.throwIfAborted();
    const kind = 'cache' in subject ? 'cache' : 'node' in subject ? 'node' : 'task';
    logFailure(context.log, kind, { ...subject, error });
    context.countFailure?.(error);
  }
}

/** Logs why a registry cannot be reached, which no status says. */
export const unreachedLog =
  (log: Logger) =>
  (host: string, reason: string): void =>
    log.warn({ host, reason }, 'registry not reached');
