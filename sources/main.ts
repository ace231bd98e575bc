/** The sources as a process of their own, for platforms that run the functions: events go to K_SINK or ROUTES. */
import { helpText, readConfig, wantsHelp, type Config } from '#runtime/config/config.ts';
import { connect } from '#runtime/api/connect.ts';
import { ConfigError } from '#runtime/errors.ts';
import { keepHeapSmall } from '#runtime/process/keep-heap-small.ts';
import { createLog } from '#runtime/process/log.ts';
import { createMetrics } from '#runtime/process/metrics.ts';
import { metricsSite } from '#runtime/http/metrics-site.ts';
import { callMeter, processMetrics, recordBuild } from '#runtime/process/process-metrics.ts';
import { withInstallation } from '#runtime/api/namespaces.ts';
import { runProcess } from '#runtime/process/run-process.ts';
import { sitesOf } from '#runtime/http/site.ts';
import { afterKubeFledged } from './after-kube-fledged.ts';
import { configuredSink } from './sink/configured-sink.ts';
import { logCrdMissing } from './crd-missing.ts';
import { leaseOf } from './lease/lease-of.ts';
import { serveProbes } from './probes.ts';
import { observeSources } from './source-gauges.ts';
import { sourceMetrics } from './source-metrics.ts';
import { startSources } from './start-sources.ts';
import { loadStatusPage } from './status-page/status-page.ts';
import { withinOf } from './within-of.ts';

if (wantsHelp(process.argv)) process.stdout.write(helpText());
else await runProcess(() => start(readConfig(process.argv.slice(2), process.env)));

async function start(config: Config): Promise<() => Promise<void>> {
  keepHeapSmall();
  const log = createLog(config.logLevel);
  for (const note of config.notes) log.warn(note);
  const sink = configuredSink(config);
  if (sink === undefined) throw new ConfigError('nobody takes the events: set K_SINK or ROUTES');
  const page = config.statusPage ? await loadStatusPage() : undefined;
  const metrics = createMetrics({ ...processMetrics, ...sourceMetrics });
  recordBuild(metrics);
  const api = await connect(config, { onCall: callMeter(metrics) });
  const onCrdMissing = (): void => logCrdMissing(log);
  const lease = config.leaderElection ? { lease: leaseOf(config, api.namespace) } : {};
  const within = withinOf(config, api.namespace, log);
  const namespaces = withInstallation(within.namespaces, within.installation);
  const mayBegin = (stopping: AbortSignal): Promise<void> =>
    afterKubeFledged({ api, log, namespaces, cleans: false }, stopping);
  const sources = startSources({
    ...{ api, sink, log, within, tickSchedule: config.tickSchedule, onCrdMissing, mayBegin, meter: metrics },
    ...lease,
  });
  observeSources(metrics, sources);
  const site = sitesOf([metricsSite(metrics, log), ...(page === undefined ? [] : [page(sources)])]);
  const probes = await serveProbes(config.port, sources.synced, site);
  log.info({ server: api.server, context: api.context, port: probes.port }, 'started');
  void sources.whenSynced.then(() => {
    log.info({ caches: sources.caches().size }, 'synced');
  });
  return async () => {
    await sources.stop();
    await probes.close();
    api.close();
  };
}
