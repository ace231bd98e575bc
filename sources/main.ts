/** The sources as a process of their own, for platforms that run the functions: events go to K_SINK or ROUTES. */
import type { Config } from '#runtime/config/config.ts';
import { listening } from '#runtime/config/config.ts';
import { ConfigError } from '#runtime/errors.ts';
import { keepHeapSmall } from '#runtime/process/run-process.ts';
import { prepareProcess, runConfigured } from '#runtime/prepare-process.ts';
import { serveProbes } from './probes.ts';
import { configuredSink } from './sink/configured-sink.ts';
import { sourceMetrics } from './source-metrics.ts';
import { startConfiguredSources } from './start-configured-sources.ts';

await runConfigured(start);

async function start(config: Config): Promise<() => Promise<void>> {
  keepHeapSmall();
  const sink = configuredSink(config);
  if (sink === undefined) throw new ConfigError('events have no destination: set K_SINK or ROUTES');
  const { log, metrics, api, bounds } = await prepareProcess(config, sourceMetrics);
  const { sources, site, statusPagePort } = await startConfiguredSources(config, {
    ...{ api, log, metrics, sink, bounds },
    cleans: false,
  });
  const probes = await serveProbes(config.port, {
    ...listening(config),
    ...{ isReady: sources.synced, site, bounds },
  }).catch(async (error: unknown) => {
    await sources.stop();
    api.close();
    throw error;
  });
  log.info({ server: api.server, context: api.context, port: probes.port, statusPagePort }, 'started');
  return async () => {
    await sources.stop();
    await probes.close();
    api.close();
  };
}
