/** One function as a process of its own, for Knative and OpenFaaS: FUNCTION says which. Without it, all four by path. */
import { createCluster } from '#runtime/cluster/cluster.ts';
import { readConfig, settingsIn } from '#runtime/config/config.ts';
import { connect } from '#runtime/api/connect.ts';
import { createLog } from '#runtime/process/log.ts';
import { functionMetrics, meteredHandlers } from '#runtime/process/metered-handlers.ts';
import { createMetrics } from '#runtime/process/metrics.ts';
import { metricsSite } from '#runtime/http/metrics-site.ts';
import { callMeter, processMetrics, recordBuild } from '#runtime/process/process-metrics.ts';
import { createRegistry } from '#runtime/registry/registry.ts';
import { runProcess } from '#runtime/process/run-process.ts';
import { serve } from '#runtime/http/serve.ts';
import { handlers } from './handlers.ts';

await runProcess(async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  const log = createLog(config.logLevel);
  for (const note of config.notes) log.warn(note);
  const metrics = createMetrics({ ...processMetrics, ...functionMetrics });
  recordBuild(metrics);
  const api = await connect(config, { onCall: callMeter(metrics) });
  const registry = createRegistry(config.registry);
  const settings = settingsIn(api.namespace, config.settings);
  const { readsPullSecrets } = config;
  const context = {
    cluster: createCluster(api, config.watchNamespaces),
    settings,
    registry,
    readsPullSecrets,
    log,
    now: Date.now,
  };
  const name = config.function;
  const metered = meteredHandlers(handlers, metrics);
  const served = await serve({
    handlers: name === undefined ? metered : { [name]: metered[name] },
    context,
    port: config.port,
    site: metricsSite(metrics, log),
  });
  log.info({ function: name ?? 'all', port: served.port, server: api.server }, 'started');
  return async () => {
    await served.close();
    registry.close();
    api.close();
  };
});
