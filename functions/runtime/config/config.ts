import type { FunctionName } from '#model/cache/cloud-event.ts';
import type { Limits, Settings } from '#model/cache/settings.ts';
import { revisions } from '#model/workload/image-sources.ts';
import type { ClusterSource } from '#runtime/api/pod-credentials.ts';
import type { EventSecret } from '#runtime/http/event-secret.ts';
import { ConfigError } from '#runtime/errors.ts';
import type { Namespaces } from '#runtime/api/paths.ts';
import { type FlagKind, quoted, readFlags } from './flags.ts';
import type { Setting } from './setting.ts';
import type { RegistrySettings } from './registry-settings.ts';
import type { LogLevel } from '#runtime/config/rows/log-rows.ts';
import { replacedVariables, settingsTable as table } from './settings-table.ts';

/** The validated configuration, with defaults filled in. */
export type Config = ClusterSource & {
  readonly settings: Settings;
  /** The function to run; undefined: all of them. */
  readonly function: FunctionName | undefined;
  readonly port: number;
  /** Empty: all addresses in a Pod, the own machine elsewhere. */
  readonly listenAddress: string;
  /** Names under which pages may be opened, in addition to those of the cluster. */
  readonly allowedHosts: readonly string[];
  /** Whether events are taken from the network by a process that has sources of its own. */
  readonly receiveEvents: boolean;
  /** What senders of events have to know; undefined: nothing. */
  readonly eventSecret: EventSecret | undefined;
  /** Whether the source serves the status page, which needs no login. */
  readonly statusPage: boolean;
  readonly logLevel: LogLevel;
  readonly leaderElection: boolean;
  /** Empty: this process's own namespace. */
  readonly leaseNamespace: string;
  /** Cron schedule of the tick; empty: off. */
  readonly tickSchedule: string;
  /** URL that events are sent to; empty: none. */
  readonly sink: string;
  /** PEM of additional certificate authorities; empty: Node's only. */
  readonly sinkCertificates: string;
  /** Extensions added to every event. */
  readonly eventOverrides: Readonly<Record<string, string>>;
  /** URL by function name; empty if a sink or this process receives all events. */
  readonly routes: Readonly<Record<string, string>>;
  /** Settings for resolving digests at registries. */
  readonly registry: RegistrySettings;
  /** Whether a cache's pull secrets are used at registries. */
  readonly readsPullSecrets: boolean;
  /** Namespaces whose caches are reconciled; empty: all. */
  readonly watchNamespaces: Namespaces;
  /** Lines to log once at start, about settings that are ignored or replaced. */
  readonly notes: readonly string[];
};

/** Defaults the namespace setting to the process's own namespace. */
export const settingsIn = (own: string, settings: Settings): Settings =>
  settings.namespace === '' ? { ...settings, namespace: own } : settings;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags and environment; flags take precedence. Throws one `ConfigError` that lists all problems. */
export function readConfig(argv: readonly string[], env: Environment): Config {
  const flags = readFlags(argv, flagKinds());
  const problems = [...flags.problems];
  const notes = [...flags.notes, ...replacedIn(env)];
  const read = <T>(setting: Setting<T>): T => {
    const { from, value } = given(setting, flags.values, env);
    const parsed = setting.reads.parse(value);
    if (parsed?.note !== undefined) notes.push(`${from} is ${quoted(value)}: ${parsed.note}`);
    if (parsed) return parsed.value;
    problems.push(`${from} is ${quoted(value)}, expected ${setting.reads.expects}`);
    return defaultOf(setting);
  };
  const config = { ...assemble(read, env), notes };
  if (config.sink !== '' && Object.keys(config.routes).length > 0)
    problems.push('K_SINK and ROUTES are both set, and events go to one of them: unset the other');
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return config;
}

/** Whether the arguments request help. */
export const wantsHelp = (argv: readonly string[]): boolean =>
  argv.some((each) => ['-h', '-help', '--help'].includes(each));

/** The text of --help, generated from the settings table. */
export function helpText(): string {
  const rows = Object.values(table).map((setting) => {
    const names = [setting.flag === undefined ? [] : `--${setting.flag}`, setting.env ?? []].flat().join(', ');
    const fallback = setting.fallback === '' ? '' : ` (default ${setting.fallback})`;
    return `  ${names}\n      ${setting.doc}${fallback}\n`;
  });
  return `A flag beats the environment. Durations are written 5m, 1h30m, 300ms.\n\n${rows.join('')}`;
}

function assemble(read: <T>(setting: Setting<T>) => T, env: Environment): Omit<Config, 'notes'> {
  const leaseNamespace = read(table.leaseNamespace);
  const kubeFledgedNamespace = read(table.namespace);
  return {
    settings: settingsOf(read),
    kubeconfig: read(table.kubeconfig),
    master: read(table.master),
    inCluster: isSet(env['KUBERNETES_SERVICE_HOST']),
    function: read(table.function),
    port: read(table.port),
    listenAddress: read(table.listenAddress),
    allowedHosts: read(table.allowedHosts),
    receiveEvents: read(table.receiveEvents),
    eventSecret: eventSecret(read),
    statusPage: read(table.statusPage),
    logLevel: logLevel(read),
    leaderElection: read(table.leaderElection),
    leaseNamespace: leaseNamespace === '' ? kubeFledgedNamespace : leaseNamespace,
    tickSchedule: read(table.tickSchedule),
    sink: read(table.sink),
    sinkCertificates: read(table.sinkCertificates),
    eventOverrides: read(table.eventOverrides),
    routes: read(table.routes),
    registry: {
      mirrors: read(table.registryMirrors),
      certificates: read(table.registryCertificates),
      insecure: read(table.registryInsecure),
    },
    readsPullSecrets: read(table.registrySecrets),
    watchNamespaces: read(table.watchNamespaces),
  };
}

function settingsOf(read: <T>(setting: Setting<T>) => T): Settings {
  const images = read(table.knativeImages);
  return {
    imagePullDeadline: read(table.imagePullDeadline),
    refreshFrequency: read(table.refreshFrequency),
    imagePullPolicy: read(table.imagePullPolicy),
    serviceAccountName: read(table.serviceAccountName),
    jobPriorityClassName: read(table.jobPriorityClassName),
    jobRetentionPolicy: read(table.jobRetentionPolicy),
    unschedulable: read(table.unschedulable),
    jobsMaxSurge: read(table.jobsMaxSurge),
    rollout: read(table.rollout),
    registryBudgets: read(table.registryBudgets),
    imagesPerJob: read(table.imagesPerJob),
    noopImage: read(table.noopImage),
    removalImage: read(table.removalImage),
    imageDeleteJobHostNetwork: read(table.imageDeleteJobHostNetwork),
    purge: read(table.purge),
    namespace: read(table.namespace),
    criSocketPath: read(table.criSocketPath),
    warmGateTaints: read(table.warmGateTaints),
    warmGateNamespaces: read(table.warmGateNamespaces),
    limits: limitsOf(read),
    workloadKinds: withRevisions(read(table.workloadKinds), images === 'all' || images.length > 0),
    workloadRoundInterval: read(table.workloadRoundInterval),
    knativeImages: images,
  };
}

/** Caches that are made for Images find them as those of any cache are found. */
const withRevisions = (kinds: Settings['workloadKinds'], hasImages: boolean): Settings['workloadKinds'] =>
  hasImages && !kinds.some(({ kind }) => kind === revisions.kind) ? [...kinds, revisions] : kinds;

function eventSecret(read: <T>(setting: Setting<T>) => T): EventSecret | undefined {
  const [token, header] = [read(table.eventToken), read(table.eventTokenHeader)];
  return token === '' ? undefined : { token, header: header.toLowerCase() };
}

const limitsOf = (read: <T>(setting: Setting<T>) => T): Limits => ({
  images: read(table.maxImages),
  imageBytes: read(table.maxImageBytes),
  pullsPerNode: read(table.maxPullsPerNode),
  podsPerNode: read(table.maxPodsPerNode),
  namespacePodsPerNode: read(table.maxNamespacePodsPerNode),
  pullDeadline: read(table.maxPullDeadline),
  priorityClasses: read(table.priorityClasses),
  warmGateTimeout: read(table.warmGateMaxTimeout),
});

/** The log level of --log-level if set, else of glog's flags. */
function logLevel(read: <T>(setting: Setting<T>) => T): LogLevel {
  const [ours, threshold, verbosity] = [read(table.logLevel), read(table.stderrThreshold), read(table.verbosity)];
  if (ours !== undefined) return ours;
  if (verbosity >= 4) return verbosity >= 8 ? 'trace' : 'debug';
  switch (threshold) {
    case 'WARNING':
    case '1':
      return 'warn';
    case 'ERROR':
    case '2':
      return 'error';
    case 'FATAL':
    case '3':
      return 'fatal';
    case 'INFO':
    case '0':
    case undefined:
      return 'info';
  }
}

function replacedIn(env: Environment): readonly string[] {
  return Object.entries(replacedVariables)
    .filter(([name]) => isSet(env[name]))
    .map(([name, ours]) => `${name} is ignored: set ${ours} instead`);
}

function given<T>(
  setting: Setting<T>,
  flags: ReadonlyMap<string, string>,
  env: Environment,
): { from: string; value: string } {
  const byFlag = setting.flag === undefined ? undefined : flags.get(setting.flag);
  if (byFlag !== undefined) return { from: `--${setting.flag ?? ''}`, value: byFlag };
  const byEnv = setting.env === undefined ? undefined : env[setting.env];
  const isGiven = setting.mayBeEmpty === true ? byEnv !== undefined : isSet(byEnv);
  return { from: setting.env ?? '', value: isGiven && byEnv !== undefined ? byEnv : setting.fallback };
}

function defaultOf<T>(setting: Setting<T>): T {
  const parsed = setting.reads.parse(setting.fallback);
  if (!parsed) throw new TypeError(`the default of ${setting.flag ?? setting.env ?? ''} is not a value of its own`);
  return parsed.value;
}

function flagKinds(): ReadonlyMap<string, FlagKind> {
  return new Map(
    Object.values(table).flatMap(({ flag, reads }) =>
      flag === undefined ? [] : [[flag, { isBoolean: reads.isBoolean ?? false }] as const],
    ),
  );
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';
