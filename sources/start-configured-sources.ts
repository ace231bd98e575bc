import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { withInstallation } from '#runtime/api/paths.ts';
import { type Config, settingsIn } from '#runtime/config/config.ts';
import { metricsSite, sitesOf, type Site } from '#runtime/http/site.ts';
import type { Metrics } from '#runtime/process/metrics.ts';
import { afterKubeFledged } from './after-kube-fledged.ts';
import { logCrdMissing, watchCrd } from './watch-crd.ts';
import type { Sink } from './sink/sink.ts';
import { observeSources, type SourceMetric } from './source-metrics.ts';
import { startSources, type Sources } from './start-sources.ts';
import { loadStatusPage } from './status-page/status-page.ts';
import type { Within } from './kubernetes/source.ts';
import { hostname } from 'node:os';

type Parts = {
  readonly api: Api;
  readonly log: Logger;
  readonly metrics: Metrics<SourceMetric>;
  readonly sink: Sink;
  /** Whether Jobs that kube-fledged left are deleted. */
  readonly cleans: boolean;
};

export type ConfiguredSources = {
  readonly sources: Sources;
  /** Metrics, and the status page if it is on. */
  readonly site: Site;
};

/** Starts the sources with the operator's settings. Throws `ConfigError` for an invalid schedule. */
export async function startConfiguredSources(config: Config, parts: Parts): Promise<ConfiguredSources> {
  const { api, log, metrics, sink, cleans } = parts;
  const page = config.statusPage ? await loadStatusPage() : undefined;
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
  const sources: Sources = {
    ...started,
    synced: () => crd.isOurs() && started.synced(),
    stop: async () => {
      await Promise.all([started.stop(), crd.stop()]);
    },
  };
  observeSources(metrics, sources);
  void sources.whenSynced.then(() => {
    log.info({ caches: sources.caches().size }, 'synced');
  });
  return { sources, site: sitesOf([metricsSite(metrics, log), ...(page === undefined ? [] : [page(sources)])]) };
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
