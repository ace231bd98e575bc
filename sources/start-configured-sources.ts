import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import type { Bounds } from '#runtime/bounds.ts';
import { withInstallation } from '#runtime/api/paths.ts';
import { type Config, listening, settingsIn } from '#runtime/config/config.ts';
import { metricsSite, type Site } from '#runtime/http/site.ts';
import type { Metrics } from '#runtime/process/metrics.ts';
import { afterKubeFledged } from './after-kube-fledged.ts';
import { logCrdMissing, watchCrd } from './watch-crd.ts';
import type { Sink } from './sink/sink.ts';
import { observeSources, type SourceMetric } from './source-metrics.ts';
import { type Probes, serveProbes } from './probes.ts';
import { startSources, type Sources } from './start-sources.ts';
import { loadStatusPage } from './status-page/status-page.ts';
import type { Within } from './kubernetes/source.ts';
import { hostname } from 'node:os';

type Parts = {
  readonly api: Api;
  readonly log: Logger;
  readonly metrics: Metrics<SourceMetric>;
  readonly sink: Sink;
  readonly bounds: Bounds;
  /** Whether Jobs that kube-fledged left are deleted. */
  readonly cleans: boolean;
};

export type ConfiguredSources = {
  readonly sources: Sources;
  /** Metrics. */
  readonly site: Site;
  /** Port of the status page on 127.0.0.1; undefined if it is off. */
  readonly statusPagePort: number | undefined;
};

/** Starts the sources with the operator's settings. Throws `ConfigError` for an invalid schedule, or a port that is not free. */
export async function startConfiguredSources(config: Config, parts: Parts): Promise<ConfiguredSources> {
  const { api, log, metrics, sink, cleans, bounds } = parts;
  const within = withinOf(config, api.namespace, log);
  const namespaces = withInstallation(within.namespaces, within.installation);
  const crd = watchCrd({ api, log });
  const started = startSources({
    ...{ api, log, within, tickSchedule: config.tickSchedule, meter: metrics },
    warmGateTaints: config.settings.warmGateTaints,
    workloads: {
      kinds: config.settings.workloadKinds,
      roundInterval: config.settings.workloadRoundInterval,
      knativeImages: config.settings.knativeImages,
    },
    sink: crd.whileOurs(sink),
    onCrdMissing: () => logCrdMissing(log),
    mayBegin: (stopping) => afterKubeFledged({ api, log, namespaces, cleans }, stopping),
    ...(config.leaderElection ? { lease: leaseOf(config, api.namespace) } : {}),
  });
  const page = await servedPage(config, started, bounds).catch(async (error: unknown) => {
    await Promise.all([started.stop(), crd.stop()]);
    throw error;
  });
  const sources: Sources = {
    ...started,
    synced: () => crd.isOurs() && started.synced(),
    stop: async () => {
      await Promise.all([started.stop(), crd.stop(), page?.close()]);
    },
  };
  observeSources(metrics, sources);
  void sources.whenSynced.then(() => {
    log.info({ caches: sources.caches().size }, 'synced');
  });
  return { sources, site: metricsSite(metrics, log), statusPagePort: page?.port };
}

/** Serves the status page if it is on. It has no login, so that no other Pod may reach it: only what runs in this one. */
async function servedPage(config: Config, sources: Sources, bounds: Bounds): Promise<Probes | undefined> {
  if (!config.statusPage) return undefined;
  const site = (await loadStatusPage())(sources);
  const { allowedHosts } = listening(config);
  return serveProbes(config.statusPagePort, {
    ...{ isReady: sources.synced, site, bounds, allowedHosts },
    ...{ host: '127.0.0.1', setting: 'STATUS_PAGE_PORT' },
  });
}

/** The namespaces that this process watches. A limit is logged, because objects elsewhere are ignored. */
function withinOf({ watchNamespaces, settings }: Config, ownNamespace: string, log: Logger): Within {
  if (watchNamespaces.length > 0) log.info({ namespaces: watchNamespaces }, 'limited to namespaces');
  return { namespaces: watchNamespaces, installation: settingsIn(ownNamespace, settings).namespace };
}

/**
 * The namespace of the Lease and the identity of this process.
 * In a Pod the identity is the same after a container restart, which then leads at once; elsewhere one machine may run several processes.
 */
function leaseOf(
  { inCluster, leaseNamespace }: Pick<Config, 'inCluster' | 'leaseNamespace'>,
  ownNamespace: string,
): { readonly namespace: string; readonly identity: string } {
  const identity = inCluster ? hostname() : `${hostname()}-${process.pid}`;
  return { namespace: leaseNamespace === '' ? ownNamespace : leaseNamespace, identity };
}
