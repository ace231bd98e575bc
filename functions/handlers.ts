import type { Handlers, Context } from '#runtime/handler.ts';
import { jobComplete } from './job-complete.ts';
import { purge } from './purge.ts';
import { reconcile } from './reconcile.ts';
import { refresh } from './refresh.ts';
import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { boundedLimiter, createTurns } from '#runtime/api/limits.ts';
import type { Bounds } from '#runtime/bounds.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { settingsIn, type Config } from '#runtime/config/config.ts';
import { withInstallation } from '#runtime/api/paths.ts';
import { watchControllers } from '#runtime/kube-fledged/watch-controllers.ts';
import type { Registry } from '#runtime/registry/registry.ts';

/** The four functions by name. */
export const handlers: Handlers = { reconcile, 'job-complete': jobComplete, refresh, purge };

type Connections = { readonly api: Api; readonly registry: Registry; readonly log: Logger; readonly bounds: Bounds };

/** What all handlers of a process share; the signal is added for each call. */
export function handlerContext(config: Config, { api, registry, log, bounds }: Connections): Omit<Context, 'signal'> {
  const settings = settingsIn(api.namespace, config.settings);
  return {
    cluster: createCluster(api, config.watchNamespaces, log, settings.namespace),
    kubeFledged: watchControllers(api, withInstallation(config.watchNamespaces, settings.namespace)),
    settings,
    registry,
    readsPullSecrets: config.readsPullSecrets,
    log,
    turn: createTurns(),
    tickDrives: bounds.tick_drives,
    removalDecisions: boundedLimiter(bounds.removal_decisions),
    now: Date.now,
  };
}
