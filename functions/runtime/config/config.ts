import type { Settings } from '#model/cache/settings.ts';
import { revisions } from '#model/workload/image-sources.ts';
import type { ClusterSource } from '#runtime/api/pod-credentials.ts';
import type { EventSecret } from '#runtime/http/site.ts';
import { ConfigError } from '#runtime/errors.ts';
import { type FlagKind, quoted, readFlags } from './flags.ts';
import { budgetRows, installationRows, jobRows, limitRows, warmGateRows, workloadRows } from './model-settings.ts';
import {
  eventRows,
  eventSecretRows,
  glogLevels,
  ignoredRows,
  type LogLevel,
  logRows,
  processRows,
  pullSecretRows,
  registryRows,
} from './process-settings.ts';
import type { Setting, Values } from './setting.ts';

/** All settings, in the order of --help and the reference, by the title of their section. */
export const settingGroups: Readonly<Record<string, readonly Setting<unknown>[]>> = {
  'Jobs, refreshes and removals': Object.values(jobRows),
  'Limits of a cache': Object.values({ ...limitRows, ...warmGateRows }),
  'Images of workloads': Object.values(workloadRows),
  Registries: Object.values({ ...registryRows, ...budgetRows, ...pullSecretRows }),
  'The process': Object.values({ ...processRows, ...installationRows }),
  Events: Object.values({ ...eventSecretRows, ...eventRows }),
  Logs: Object.values({ ...logRows, ...ignoredRows }),
};
export const allSettings: readonly Setting<unknown>[] = Object.values(settingGroups).flat();

/** Variables of kube-fledged that are ignored, and their replacements. */
export const replacedVariables = { BUSYBOX_IMAGE: 'NOOP_IMAGE', KUBEFLEDGED_CRI_CLIENT_IMAGE: 'REMOVAL_IMAGE' };

/** The validated configuration, with defaults filled in: a field per setting of the process, and what is made of several. */
export type Config = ClusterSource &
  Values<typeof processRows & typeof eventRows & typeof pullSecretRows> & {
    readonly settings: Settings;
    readonly registry: Values<typeof registryRows>;
    /** undefined: senders of events need no secret. */
    readonly eventSecret: EventSecret | undefined;
    readonly logLevel: LogLevel;
    /** Lines to log once at start, about settings that are ignored or replaced. */
    readonly notes: readonly string[];
  };

/** Defaults the namespace setting to the process's own namespace. */
export const settingsIn = (own: string, settings: Settings): Settings =>
  settings.namespace === '' ? { ...settings, namespace: own } : settings;

/** Where a process listens: outside of a Pod only to its own machine, unless an address is set. No host: all addresses. */
export const listening = ({ listenAddress, inCluster, allowedHosts }: Config): Listening => ({
  host: listenAddress === '' ? (inCluster ? undefined : '127.0.0.1') : listenAddress,
  allowedHosts,
});

type Listening = { readonly host: string | undefined; readonly allowedHosts: readonly string[] };
type Environment = Readonly<Record<string, string | undefined>>;
type ReadRows = <Rows extends Readonly<Record<string, Setting<unknown>>>>(rows: Rows) => Values<Rows>;

/** Reads flags and environment; flags take precedence. Throws one `ConfigError` that lists all problems. */
export function readConfig(argv: readonly string[], env: Environment): Config {
  const flags = readFlags(argv, flagKinds());
  const problems = [...flags.problems];
  const notes = [...flags.notes, ...replacedIn(env)];
  const read = <T>(setting: Setting<T>): T => {
    const { from, value } = textOf(setting, flags.values, env);
    const parsed = setting.parser.parse(value);
    if (parsed?.note !== undefined) notes.push(`${from} is ${quoted(value)}: ${parsed.note}`);
    if (parsed) return parsed.value;
    problems.push(`${from} is ${quoted(value)}, expected ${setting.parser.expects}`);
    return defaultOf(setting);
  };
  const readRows: ReadRows = (rows) =>
    Object.fromEntries(Object.entries(rows).map(([name, setting]) => [name, read(setting)])) as Values<typeof rows>;
  const config = { ...assemble(readRows, env), notes };
  if (config.sink !== '' && Object.keys(config.routes).length > 0)
    problems.push('K_SINK and ROUTES are both set, and events go to one of them: unset the other');
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return config;
}

/** Whether the arguments request help. */
export const wantsHelp = (argv: readonly string[]): boolean =>
  argv.some((each) => ['-h', '-help', '--help'].includes(each));

/** The text of --help. */
export function helpText(): string {
  const rows = allSettings.map(({ flag, env, fallback, doc }) => {
    const names = [flag === undefined ? [] : `--${flag}`, env ?? []].flat().join(', ');
    return `  ${names}\n      ${doc}${fallback === undefined ? '' : ` (default ${fallback})`}\n`;
  });
  return `A flag beats the environment. Durations are written 5m, 1h30m, 300ms.\n\n${rows.join('')}`;
}

function assemble(read: ReadRows, env: Environment): Omit<Config, 'notes'> {
  const [process, settings, secret] = [read(processRows), settingsOf(read), read(eventSecretRows)];
  return {
    ...process,
    ...read(eventRows),
    ...read(pullSecretRows),
    settings,
    inCluster: isSet(env['KUBERNETES_SERVICE_HOST']),
    leaseNamespace: process.leaseNamespace === '' ? settings.namespace : process.leaseNamespace,
    registry: read(registryRows),
    eventSecret: secret.token === '' ? undefined : { token: secret.token, header: secret.header.toLowerCase() },
    logLevel: logLevel(read(logRows)),
  };
}

function settingsOf(read: ReadRows): Settings {
  const [workloads, jobs, limits] = [read(workloadRows), read(jobRows), read(limitRows)];
  return {
    ...jobs,
    ...read(warmGateRows),
    ...read(budgetRows),
    ...read(installationRows),
    ...workloads,
    workloadKinds: withRevisions(workloads.workloadKinds, workloads.knativeImages.length > 0),
    limits: { ...limits, priorityClasses: withOwnClass(limits.priorityClasses, jobs.jobPriorityClassName) },
  };
}

const withOwnClass = (classes: readonly string[], own: string): readonly string[] =>
  own === '' || classes.includes(own) ? classes : [...classes, own];

/** Caches that are made for Images find them as those of any cache are found. */
const withRevisions = (kinds: Settings['workloadKinds'], hasImages: boolean): Settings['workloadKinds'] =>
  hasImages && !kinds.some(({ kind }) => kind === revisions.kind) ? [...kinds, revisions] : kinds;

/** The log level of --log-level if set, else of glog's flags. */
function logLevel({ logLevel, stderrThreshold, verbosity }: Values<typeof logRows>): LogLevel {
  if (logLevel !== undefined) return logLevel;
  if (verbosity >= 4) return verbosity >= 8 ? 'trace' : 'debug';
  return stderrThreshold === undefined ? 'info' : glogLevels[stderrThreshold];
}

const replacedIn = (env: Environment): readonly string[] =>
  Object.entries(replacedVariables)
    .filter(([name]) => isSet(env[name]))
    .map(([name, ours]) => `${name} is ignored: set ${ours} instead`);

/** What is set, or the default, and the name that messages have for it. */
function textOf(
  { flag = '', env = '', fallback = '', mayBeEmpty = false }: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  environment: Environment,
): { from: string; value: string } {
  const byFlag = flags.get(flag);
  if (byFlag !== undefined) return { from: `--${flag}`, value: byFlag };
  const byEnv = environment[env];
  return { from: env, value: byEnv !== undefined && (mayBeEmpty || byEnv !== '') ? byEnv : fallback };
}

function defaultOf<T>({ parser, fallback = '', flag, env }: Setting<T>): T {
  const parsed = parser.parse(fallback);
  if (!parsed) throw new TypeError(`the default of ${flag ?? env ?? ''} is not a value of its own`);
  return parsed.value;
}

const flagKinds = (): ReadonlyMap<string, FlagKind> =>
  new Map(
    allSettings.flatMap(({ flag, parser }) =>
      flag === undefined ? [] : [[flag, { isBoolean: parser.isBoolean ?? false }] as const],
    ),
  );

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';
