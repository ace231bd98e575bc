import type { Logger } from 'pino';
import type { FunctionName, Notice } from '#model/cache/cloud-event.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Cluster } from '#runtime/cluster/cluster.ts';
import type { Registry } from '#runtime/registry/registry.ts';

/** What a handler works with; it reads nothing else, so a test or a platform can hand it any world. */
export type Context = {
  readonly cluster: Cluster;
  readonly settings: Settings;
  /** Tells what references stand for. */
  readonly registry: Pick<Registry, 'digest'>;
  /** Whether registries may be asked in the name of a cache's pull secrets. */
  readonly readsPullSecrets: boolean;
  readonly log: Logger;
  /** Counts the failure of one cache or node that a tick goes on after. */
  readonly countFailure?: (error: unknown) => void;
  /** The time in epoch milliseconds. */
  readonly now: () => number;
  /** Aborts when the process is to stop: start no new work. */
  readonly signal: AbortSignal;
};

/**
 * A function: looks at what the notice names, does what is needed, and returns.
 * Throws `Rejected` for a notice that can never be handled, `RetryLater` (or any other error) where the event must come again.
 */
export type Handler = (notice: Notice, context: Context) => Promise<void>;

export type Handlers = Readonly<Record<FunctionName, Handler>>;
