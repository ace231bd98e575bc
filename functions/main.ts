/** One function as a process of its own, for Knative and OpenFaaS: FUNCTION says which. Without it, all four by path. */
import { tmpdir } from 'node:os';
import { listening } from '#runtime/config/config.ts';
import { metricsSite } from '#runtime/http/site.ts';
import { serve } from '#runtime/http/serve.ts';
import { functionMetrics, meteredHandlers, observeKubeFledged, restMeter } from '#runtime/process/process-metrics.ts';
import { prepareProcess, runConfigured } from '#runtime/prepare-process.ts';
import { unreachedLog } from '#runtime/log-failure.ts';
import { createRegistry } from '#runtime/registry/registry.ts';
import { handlerContext, handlers } from './handlers.ts';

await runConfigured(async (config) => {
  const { log, metrics, api, bounds } = await prepareProcess(config, functionMetrics);
  const calls = bounds.registry_calls;
  const isIsolated = config.settings.limits.tenantImages !== undefined;
  const registry = createRegistry({
    ...config.registry,
    isIsolated,
    calls,
    onRest: restMeter(metrics),
    onUnreached: unreachedLog(log),
  });
  const name = config.function;
  const metered = meteredHandlers(handlers, metrics);
  const context = handlerContext(config, { api, registry, log, bounds });
  observeKubeFledged(metrics, context);
  const served = await serve({
    handlers: name === undefined ? metered : { [name]: metered[name] },
    context,
    ...listening(config),
    port: config.port,
    secret: config.eventSecret,
    lockFolder: tmpdir(),
    bounds,
    site: metricsSite(metrics, log),
  });
  log.info({ function: name ?? 'all', port: served.port, server: api.server }, 'started');
  return async () => {
    await served.close();
    registry.close();
    api.close();
  };
});
