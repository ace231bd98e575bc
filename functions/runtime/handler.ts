import type { Logger } from 'pino';
import type { FunctionName, Notice } from '#model/cache/cloud-event.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Limiter, Turn } from '#runtime/api/limits.ts';
import type { Slots } from '#runtime/bounds.ts';
import type { Cluster } from '#runtime/cluster/cluster.ts';
import type { ControllerWatch } from '#runtime/kube-fledged/watch-controllers.ts';
import type { Registry } from '#runtime/registry/registry.ts';

/** Everything that a handler uses; it reads no other state, so tests and platforms can replace all of it. */
export type Context = {
  readonly cluster: Cluster;
  readonly settings: Settings;
  /** Looks for a kube-fledged that runs beside us; default none does. */
  readonly kubeFledged?: ControllerWatch;
  /** Resolves references to digests. */
  readonly registry: Pick<Registry, 'digest' | 'anonymousPull'>;
  /** Whether registries are asked with the pull secrets of a cache. */
  readonly readsPullSecrets: boolean;
  readonly log: Logger;
  /** Counts the failure of one cache or node that a tick goes on after. */
  readonly countFailure?: (error: unknown) => void;
  /** Awaited before each decision, so that other work of the process goes on between two; default at once. */
  readonly turn?: Turn;
  /** How many caches a tick handles at once; default the bound `tick_drives`. */
  readonly tickDrives?: Slots;
  /** Keeps decisions about removals apart; by default any number is made at once. */
  readonly removalDecisions?: Limiter;
  /** The time in epoch milliseconds. */
  readonly now: () => number;
  /** Aborts when the process stops: start no new work. */
  readonly signal: AbortSignal;
};

/**
 * A function: observes what the notice names, does what is needed, and returns.
 * Throws `Rejected` for a notice that can never be handled; after `RetryLater` or any other error the event is retried.
 */
export type Handler = (notice: Notice, context: Context) => Promise<void>;

export type Handlers = Readonly<Record<FunctionName, Handler>>;
