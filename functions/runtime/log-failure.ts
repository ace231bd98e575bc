import type { Logger } from 'pino';
import { failureKind } from './errors.ts';

/** Logs the failure of an event, or of one cache or node of a tick: as a warning if the API server failed, as an error if it is unexpected. */
export function logFailure(log: Logger, what: 'event' | 'cache' | 'node', { error, ...fields }: LoggedFailure): void {
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
