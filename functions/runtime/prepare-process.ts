import type { Logger } from 'pino';
import { openApi, type Api, type ApiOptions } from '#runtime/api/api.ts';
import { podCredentials, type ClusterSource } from '#runtime/api/pod-credentials.ts';
import type { Bounds } from '#runtime/bounds.ts';
import { helpText, readConfig, wantsHelp, type Config } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import { createMetrics, type Definitions, type Metrics } from '#runtime/process/metrics.ts';
import {
  callMeter,
  meteredBounds,
  processMetrics,
  recordBuild,
  type ProcessMetric,
} from '#runtime/process/process-metrics.ts';
import { runProcess } from '#runtime/process/run-process.ts';

/** Runs a process with the configuration in its arguments and environment, or prints the help that its arguments ask for. */
export async function runConfigured(start: (config: Config) => Promise<() => Promise<void>>): Promise<void> {
  const argv = process.argv.slice(2);
  if (wantsHelp(argv)) process.stdout.write(helpText());
  else await runProcess(() => start(readConfig(argv, process.env)));
}

export type Prepared<Name extends string> = {
  readonly log: Logger;
  readonly metrics: Metrics<Name | ProcessMetric>;
  readonly api: Api;
  readonly bounds: Bounds;
};

/** What every program sets up first: its log, its metrics, its bounds and its connection to the API server. */
export async function prepareProcess<Name extends string>(
  config: Config,
  definitions: Definitions<Name>,
  log: Logger = createLog(config.logLevel),
): Promise<Prepared<Name>> {
  for (const note of config.notes) log.warn(note);
  const metrics = createMetrics<Name | ProcessMetric>({ ...processMetrics, ...definitions });
  recordBuild(metrics);
  const bounds = meteredBounds(metrics);
  const api = await connect(config, { onCall: callMeter(metrics), calls: bounds.api_calls });
  return { log, metrics, api, bounds };
}

/** The client of the API server; loads client-node only to read a kubeconfig, since loading it is slow. */
export async function connect(source: ClusterSource, options: ApiOptions = {}): Promise<Api> {
  if (source.kubeconfig === '') return openApi(podCredentials(source), options);
  const { createApi } = await import('#runtime/api/create-api.ts');
  return createApi(source, options);
}
