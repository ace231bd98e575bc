import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { connect } from '#runtime/api/connect.ts';
import type { Bounds } from '#runtime/bounds.ts';
import type { Config } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import { createMetrics, type Definitions, type Metrics } from '#runtime/process/metrics.ts';
import {
  callMeter,
  meteredBounds,
  processMetrics,
  recordBuild,
  type ProcessMetric,
} from '#runtime/process/process-metrics.ts';

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
