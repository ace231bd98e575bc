import type { Logger } from 'pino';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import type { Cluster } from '#runtime/cluster/cluster.ts';
import type { Config } from '#runtime/config/config.ts';
import { listening } from '#runtime/config/config.ts';
import { isNotFound } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { serve, type ServeOptions } from '#runtime/http/serve.ts';
import type { TraceFields } from '#runtime/http/receive.ts';
import { functionMetrics, meteredHandlers, observeKubeFledged, restMeter } from '#runtime/process/process-metrics.ts';
import { prepareProcess } from '#runtime/prepare-process.ts';
import { unreachedLog } from '#runtime/log-failure.ts';
import { createRegistry, type Registry } from '#runtime/registry/registry.ts';
import { handlerContext, handlers as plainHandlers } from '../../functions/handlers.ts';
import { configuredSink } from '../../sources/sink/configured-sink.ts';
import { inProcessSink } from '../../sources/sink/in-process-sink.ts';
import { sourceMetrics } from '../../sources/source-metrics.ts';
import { startConfiguredSources } from '../../sources/start-configured-sources.ts';
import type { Sources } from '../../sources/start-sources.ts';

export type Standalone = {
  readonly port: number;
  /** On 127.0.0.1; undefined if the status page is off. */
  readonly statusPagePort: number | undefined;
  readonly stop: () => Promise<void>;
};

export type StandaloneOptions = Pick<ServeOptions, 'host' | 'lockFolder'> & {
  /** Default JSON lines on standard output. */
  readonly log?: Logger;
  /** Resolves image references to digests; default the registries themselves. */
  readonly registry?: Registry;
};

/** Starts sources and functions on the cluster that the configuration names. Throws `ConfigError` if it names none. */
export async function startStandalone(config: Config, options: StandaloneOptions = {}): Promise<Standalone> {
  const { registry: givenRegistry, log: givenLog, ...listen } = options;
  const { log, metrics, api, bounds } = await prepareProcess(
    config,
    { ...functionMetrics, ...sourceMetrics },
    givenLog,
  );
  const calls = bounds.registry_calls;
  const isIsolated = config.settings.limits.tenantImages !== undefined;
  const registry =
    givenRegistry ??
    createRegistry({
      ...config.registry,
      isIsolated,
      calls,
      onRest: restMeter(metrics),
      onUnreached: unreachedLog(log),
    });
  const handlers = meteredHandlers(plainHandlers, metrics);
  const context = handlerContext(config, { api, registry, log, bounds });
  observeKubeFledged(metrics, context);
  log.info({ server: api.server, context: api.context, ...(await countCaches(context.cluster)) }, 'cluster');
  const contextFor = (name: FunctionName, trace: TraceFields, signal: AbortSignal): Context => ({
    ...context,
    log: log.child({ function: name, ...trace }),
    signal,
  });
  const sink = configuredSink(config) ?? inProcessSink(handlers, contextFor);
  const { sources, site, statusPagePort } = await startConfiguredSources(config, {
    ...{ api, log, metrics, sink, bounds },
    cleans: true,
  });
  const received = config.receiveEvents ? handlers : {};
  const served = await serve({
    ...listening(config),
    ...listen,
    ...{ handlers: received, context, bounds, secret: config.eventSecret },
    ...{ port: config.port, isReady: sources.synced, site },
  }).catch(async (error: unknown) => {
    await stop({ sources, close: () => Promise.resolve(), registry, api });
    throw error;
  });
  log.info({ port: served.port, statusPagePort }, 'listening');
  return { port: served.port, statusPagePort, stop: () => stop({ sources, close: served.close, registry, api }) };
}

/** How many caches exist, or that their CRD is missing: logged before anything is written. */
async function countCaches(cluster: Cluster): Promise<{ readonly caches: number } | { readonly crd: 'missing' }> {
  try {
    return { caches: (await cluster.caches()).length };
  } catch (error) {
    if (isNotFound(error)) return { crd: 'missing' };
    throw error;
  }
}

type Running = {
  readonly sources: Sources;
  readonly close: () => Promise<void>;
  readonly registry: Registry;
  readonly api: Api;
};

/** Aborts what is in flight and waits for its end; connections close last. */
async function stop({ sources, close, registry, api }: Running): Promise<void> {
  await Promise.all([sources.stop(), close()]);
  registry.close();
  api.close();
}
