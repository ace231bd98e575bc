import type { Logger } from 'pino';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { type Cluster, createCluster } from '#runtime/cluster/cluster.ts';
import { settingsIn, type Config } from '#runtime/config/config.ts';
import { connect } from '#runtime/api/connect.ts';
import { isNotFound } from '#runtime/errors.ts';
import { createLog } from '#runtime/process/log.ts';
import { functionMetrics, meteredHandlers } from '#runtime/process/metered-handlers.ts';
import { createMetrics } from '#runtime/process/metrics.ts';
import { metricsSite } from '#runtime/http/metrics-site.ts';
import { callMeter, processMetrics, recordBuild } from '#runtime/process/process-metrics.ts';
import { withInstallation } from '#runtime/api/namespaces.ts';
import { createRegistry, type Registry } from '#runtime/registry/registry.ts';
import type { Context } from '#runtime/handler.ts';
import { serve, type ServeOptions } from '#runtime/http/serve.ts';
import { sitesOf } from '#runtime/http/site.ts';
import type { TraceFields } from '#runtime/http/trace-context.ts';
import { handlers as plainHandlers } from '../../functions/handlers.ts';
import { afterKubeFledged } from '../../sources/after-kube-fledged.ts';
import { configuredSink } from '../../sources/sink/configured-sink.ts';
import { logCrdMissing } from '../../sources/crd-missing.ts';
import { inProcessSink } from '../../sources/sink/in-process-sink.ts';
import { leaseOf } from '../../sources/lease/lease-of.ts';
import { observeSources } from '../../sources/source-gauges.ts';
import { sourceMetrics } from '../../sources/source-metrics.ts';
import { startSources, type Sources } from '../../sources/start-sources.ts';
import { loadStatusPage } from '../../sources/status-page/status-page.ts';
import { withinOf } from '../../sources/within-of.ts';

export type Standalone = { readonly port: number; readonly stop: () => Promise<void> };

export type StandaloneOptions = Pick<ServeOptions, 'host' | 'lockFolder'> & {
  /** Default JSON lines on standard output. */
  readonly log?: Logger;
  /** Who tells what references stand for; by default the registries themselves. */
  readonly registry?: Registry;
};

/** Starts everything on the cluster that the configuration names. Throws `ConfigError` if it names none. */
export async function startStandalone(config: Config, options: StandaloneOptions = {}): Promise<Standalone> {
  const { log = createLog(config.logLevel), registry = createRegistry(config.registry), ...listen } = options;
  const page = config.statusPage ? await loadStatusPage() : undefined;
  const metrics = createMetrics({ ...processMetrics, ...functionMetrics, ...sourceMetrics });
  recordBuild(metrics);
  const handlers = meteredHandlers(plainHandlers, metrics);
  const api = await connect(config, { onCall: callMeter(metrics) });
  const cluster = createCluster(api, config.watchNamespaces);
  log.info({ server: api.server, context: api.context, ...(await cachesOf(cluster)) }, 'cluster');
  for (const note of config.notes) log.warn(note);
  const settings = settingsIn(api.namespace, config.settings);
  const { readsPullSecrets } = config;
  const context = { cluster, settings, registry, readsPullSecrets, log, now: Date.now };
  const contextFor = (name: FunctionName, trace: TraceFields, signal: AbortSignal): Context => ({
    ...context,
    log: log.child({ function: name, ...trace }),
    signal,
  });
  const within = withinOf(config, api.namespace, log);
  const sources = startSources({
    api,
    sink: configuredSink(config) ?? inProcessSink(handlers, contextFor),
    log,
    tickSchedule: config.tickSchedule,
    onCrdMissing: () => logCrdMissing(log),
    within,
    mayBegin: (signal) =>
      afterKubeFledged({ api, log, namespaces: withInstallation(within.namespaces, within.installation) }, signal),
    meter: metrics,
    ...(config.leaderElection ? { lease: leaseOf(config, api.namespace) } : {}),
  });
  observeSources(metrics, sources);
  const site = sitesOf([metricsSite(metrics, log), ...(page === undefined ? [] : [page(sources)])]);
  const served = await serve({ ...listen, handlers, context, port: config.port, isReady: sources.synced, site }).catch(
    async (error: unknown) => {
      await sources.stop();
      registry.close();
      api.close();
      throw error;
    },
  );
  log.info({ port: served.port }, 'listening');
  void sources.whenSynced.then(() => {
    log.info({ caches: sources.caches().size }, 'synced');
  });
  return { port: served.port, stop: () => stop({ sources, close: served.close, registry, api }) };
}

/** How many caches there are, or that none can be: told before anything is done to them. */
async function cachesOf(cluster: Cluster): Promise<{ readonly caches: number } | { readonly crd: 'missing' }> {
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
