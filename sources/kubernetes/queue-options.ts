import type { Logger } from 'pino';
import type { TraceFields } from '#runtime/http/trace-context.ts';
import type { Clock } from '../clock.ts';
import type { Batch } from './batch.ts';

export type QueueOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws `DeliveryFailed` if the batch must be sent again, `DeliveryRefused` if it must not. The signal aborts it when the queue stops. */
  readonly deliver: (batch: Batch, signal: AbortSignal) => Promise<void>;
  /** Trace fields for log lines about a delivery. */
  readonly traceOf?: (batch: Batch) => TraceFields;
  /** Milliseconds between the end of one delivery of Job and Pod changes and the next, for one cache. */
  readonly gap: (key: string) => number;
  /** Whether the cache exists: if not, only its own deletion is delivered. */
  readonly isKnown: (key: string) => boolean;
  /** Maximum number of concurrent deliveries over all caches. Default the bound `deliveries`. */
  readonly concurrency?: number;
};
