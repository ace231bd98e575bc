import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { withInstallation } from '#runtime/api/paths.ts';
import type { Config } from '#runtime/config/config.ts';
import { metricsSite } from '#runtime/http/metrics-site.ts';
import { sitesOf, type Site } from '#runtime/http/site.ts';
import type { Metrics } from '#runtime/process/metrics.ts';
import { afterKubeFledged } from './after-kube-fledged.ts';
import { logCrdMissing } from './crd-missing.ts';
import { leaseOf } from './lease/lease-of.ts';
import type { Sink } from './sink/sink.ts';
import { observeSources } from './source-gauges.ts';
import type { SourceMetric } from './source-metrics.ts';
import { watchCrd } from './watch-crd.ts';
import { startSources, type Sources } from './start-sources.ts';
import { loadStatusPage } from './status-page/status-page.ts';
import { withinOf } from './within-of.ts';

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
