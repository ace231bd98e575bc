import type { Logger } from 'pino';
import { functionNames, type FunctionName } from '#model/cache/cloud-event.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { readConfig, settingsIn } from '#runtime/config/config.ts';
import { connect } from '#runtime/prepare-process.ts';
import type { Registry } from '#runtime/registry/registry.ts';
import { serve } from '#runtime/http/serve.ts';
import { startStandalone } from '../../deploy/standalone/start-standalone.ts';
import { handlers } from '../../functions/handlers.ts';
import { afterKubeFledged } from '../../sources/after-kube-fledged.ts';
import { configuredSink } from '../../sources/sink/configured-sink.ts';
import { startSources } from '../../sources/start-sources.ts';
import { DeliveryFailed } from '../../sources/sink/sink.ts';

/** How the product runs: in one process, or in five that receive events from the source directly or through a Broker. */
export const profiles = ['standalone', 'routes', 'broker'] as const;
export type Profile = (typeof profiles)[number];

/** A process of the product for the supervisor: a name, and how it starts. The supervisor owns its tasks. */
export type Program = { readonly name: string; readonly start: () => Promise<unknown> };

export const brokerPort = 7_000;
const standalonePort = 8_000;
const ports: Readonly<Record<FunctionName, number>> = {
  reconcile: 8_001,
  'job-complete': 8_002,
  refresh: 8_003,
  purge: 8_004,
};

/** The address at which a function receives events. */
export const addressOf = (profile: Profile, name: FunctionName): { readonly port: number; readonly path: string } =>
  profile === 'standalone' ? { port: standalonePort, path: `/${name}` } : { port: ports[name], path: '/' };

/** Ticks are sent from outside, so that their times can be controlled. */
const usual = { TICK_SCHEDULE: '', RECEIVE_EVENTS: 'true' } as const;

type Place = {
  readonly kubeconfig: string;
  readonly log: (name: string) => Logger;
  /** Whether the source holds the Lease. */
  readonly hasLease: boolean;
  /** More flags of every program. */
  readonly flags?: readonly string[];
  /** Answers the questions of functions; by default to none. */
  readonly registry?: Registry;
};

/** The programs of a profile, for the cluster of a kubeconfig. */
export function programs(profile: Profile, place: Place): readonly Program[] {
  const { kubeconfig, log, hasLease, flags: more = [], registry = noRegistry } = place;
  const usualFlags = ['--image-cache-refresh-frequency=0s', `--leader-election=${hasLease}`];
  const flags = [`--kubeconfig=${kubeconfig}`, ...usualFlags, ...more];
  if (profile === 'standalone') {
    const config = readConfig(flags, { ...usual, PORT: String(standalonePort) });
    const start = () => startStandalone(config, { log: log('standalone'), registry });
    return [{ name: 'standalone', start }];
  }
  const routes = Object.fromEntries(functionNames.map((name) => [name, `http://localhost:${ports[name]}/`]));
  const target =
    profile === 'routes' ? { ROUTES: JSON.stringify(routes) } : { K_SINK: `http://localhost:${brokerPort}/` };
  return [
    { name: 'source', start: () => startSource(flags, target, log('source')) },
    ...functionNames.map((name) => ({ name, start: () => startFunction(name, { flags, log: log(name), registry }) })),
  ];
}

/** Like sources/main.ts, without signals. */
async function startSource(
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
  log: Logger,
): Promise<void> {
  const config = readConfig(flags, { ...usual, ...env });
  const sink = configuredSink(config) ?? (() => Promise.reject(new DeliveryFailed('there is no sink')));
  const api = await connect(config);
  const { workloadKinds: kinds, workloadRoundInterval: roundInterval } = config.settings;
  startSources({
    ...{ api, sink, log, tickSchedule: '', workloads: { kinds, roundInterval } },
    mayBegin: (stopping) => afterKubeFledged({ api, log, cleans: false }, stopping),
    ...(config.leaderElection ? { lease: { namespace: api.namespace, identity: 'source' } } : {}),
  });
}

/** Like functions/main.ts, without signals. */
async function startFunction(
  name: FunctionName,
  { flags, log, registry }: { readonly flags: readonly string[]; readonly log: Logger; readonly registry: Registry },
): Promise<void> {
  const config = readConfig(flags, usual);
  const { readsPullSecrets } = config;
  const api = await connect(config);
  const settings = settingsIn(api.namespace, config.settings);
  const context = { cluster: createCluster(api), settings, registry, readsPullSecrets, log, now: Date.now };
  await serve({ handlers: { [name]: handlers[name] }, context, port: ports[name] });
}

const noRegistry: Registry = {
  digest: () => Promise.resolve({ type: 'unknown', reason: 'no registry is asked' }),
  anonymousPull: () => Promise.resolve(undefined),
  close: () => undefined,
};
