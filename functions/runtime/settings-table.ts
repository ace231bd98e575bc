import { functionNames } from '#model/cloud-event.ts';
import { hostList, mirrorLists } from './registry/registry-settings.ts';
import {
  duration,
  isWebAddress,
  oneOf,
  oneOfOrNone,
  type Reads,
  type Setting,
  stringMap,
  taintKeys,
  text,
  webAddress,
  wholeNumber,
  yesOrNo,
} from './setting.ts';
import { version } from './version.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What glog's --stderrthreshold calls a level, by name or number. */
export const glogLevels = ['INFO', 'WARNING', 'ERROR', 'FATAL', '0', '1', '2', '3'] as const;

const registry = 'ghcr.io/imagecache-functions';
const any = Number.MAX_SAFE_INTEGER;

/** Every setting there is, each once. kube-fledged's have its names, defaults and meaning. */
export const settingsTable = {
  imagePullDeadline: both(
    'image-pull-deadline-duration',
    '5m',
    duration(1),
    'How long one image may take to be pulled',
  ),
  refreshFrequency: both(
    'image-cache-refresh-frequency',
    '15m',
    duration(0),
    'Period of the automatic refresh; 0s is off',
  ),
  imagePullPolicy: both(
    'image-pull-policy',
    'IfNotPresent',
    oneOf(['IfNotPresent', 'Always']),
    'IfNotPresent pulls what a node lacks; Always asks the registry each time',
  ),
  serviceAccountName: both('service-account-name', '', text, 'Service account of pull and removal Pods'),
  imageDeleteJobHostNetwork: both(
    'image-delete-job-host-network',
    'false',
    yesOrNo,
    'Run removal Pods in the host network',
  ),
  jobPriorityClassName: both('job-priority-class-name', '', text, 'Priority class of pull and removal Pods'),
  jobRetentionPolicy: both(
    'job-retention-policy',
    'Delete',
    oneOf(['Delete', 'Retain']),
    'Retain keeps finished Jobs, whose containers hold the images on the node, until newer ones do',
  ),
  purge: both(
    'purge',
    'any',
    oneOf(['any', 'own']),
    'any removes an image whoever pulled it; own leaves what has a name that the cache did not ask for',
  ),
  criSocketPath: both(
    'cri-socket-path',
    '',
    text,
    "Path of the container runtime's socket on every node; empty: by runtime",
  ),
  warmGateTaints: both(
    'warm-gate-taints',
    '',
    taintKeys,
    'Startup taints that spec.warmGate may take from nodes, by their keys, separated by commas; empty: off',
  ),
  jobsMaxSurge: both(
    'jobs-max-surge',
    '0',
    wholeNumber(0, any),
    'How many nodes of one cache pull at once; 0 is no limit',
  ),
  imagesPerJob: both('images-per-job', '32', wholeNumber(1, 32), 'Most images of one pull Job, one container each'),
  noopImage: both('noop-image', `${registry}/imagecache-noop:${version}`, text, 'Image whose program pull Jobs run'),
  removalImage: both('removal-image', `${registry}/imagecache-functions:${version}`, text, 'Image of removal Jobs'),

  kubeconfig: flagOnly(
    'kubeconfig',
    '',
    text,
    "Kubeconfig of the cluster; without it the pod's own service account, and outside a pod a simulation",
  ),
  master: flagOnly('master', '', webAddress, 'URL of the API server, in place of the one that is configured'),
  function: both('function', '', oneOfOrNone(functionNames), 'The one function to run; empty: all, with their sources'),
  port: both('port', '8080', wholeNumber(0, 65_535), 'Port of events and probes'),
  statusPage: both(
    'status-page',
    'false',
    yesOrNo,
    'Show caches and nodes at /status/, to anybody who reaches the port',
  ),
  logLevel: both('log-level', '', oneOfOrNone(logLevels), 'Least level that is logged; info if nothing says otherwise'),
  leaderElection: both(
    'leader-election',
    'true',
    yesOrNo,
    'Hold a Lease, so that only one of several replicas sends events',
  ),
  leaseNamespace: both('lease-namespace', '', text, "Namespace of the Lease; empty: this process's own"),
  tickSchedule: {
    ...both(
      'tick-schedule',
      '* * * * *',
      schedule(),
      'Cron schedule of the heartbeat; empty: off, something else sends it',
    ),
    mayBeEmpty: true,
  },
  sink: envOnly(
    'K_SINK',
    '',
    webAddress,
    'Where events are sent, such as a Broker; empty: to the functions of this process',
  ),
  eventOverrides: envOnly(
    'K_CE_OVERRIDES',
    '',
    overrides(),
    'Extensions put on every event, as a SinkBinding sets them',
  ),
  sinkCertificates: envOnly('K_CA_CERTS', '', text, "PEM of the authorities that the sink's certificate may come from"),
  registryMirrors: both(
    'registry-mirrors',
    '',
    mirrorLists,
    'Where digests are asked for before the registry: {"docker.io": ["https://…"], …}',
  ),
  registryCertificates: both(
    'registry-ca-certs',
    '',
    text,
    "PEM of the authorities that registries' certificates may come from, or its path",
  ),
  registryInsecure: both('registry-insecure', '', hostList, 'Registries that are asked over http, separated by commas'),
  registrySecrets: both(
    'registry-secrets',
    'false',
    yesOrNo,
    "Ask registries with a cache's pull secrets too; needs the right to get Secrets",
  ),
  routes: envOnly('ROUTES', '', routes(), 'Where each function is, where no broker is: {"reconcile": "http://…", …}'),
  namespace: envOnly(
    'KUBEFLEDGED_NAMESPACE',
    '',
    text,
    "Namespace of removal Jobs, and of the Lease unless LEASE_NAMESPACE says otherwise; empty: this process's own",
  ),

  stderrThreshold: flagOnly(
    'stderrthreshold',
    '',
    oneOfOrNone(glogLevels),
    'Least level that is logged, in glog’s words',
  ),
  verbosity: flagOnly('v', '0', wholeNumber(0, any), 'From 4 on logs debug, from 8 on trace'),
  toStderr: flagOnly('logtostderr', 'false', yesOrNo, 'Accepted and ignored'),
  alsoToStderr: flagOnly('alsologtostderr', 'false', yesOrNo, 'Accepted and ignored'),
  verbosityByModule: flagOnly('vmodule', '', text, 'Accepted and ignored'),
  logFolder: flagOnly('log_dir', '', text, 'Accepted and ignored'),
  backtraceAt: flagOnly('log_backtrace_at', '', text, 'Accepted and ignored'),
} as const;

/** kube-fledged's variables that have no meaning here, and what took their place. */
export const replacedVariables = {
  BUSYBOX_IMAGE: 'NOOP_IMAGE',
  KUBEFLEDGED_CRI_CLIENT_IMAGE: 'REMOVAL_IMAGE',
} as const;

/** A flag and, in capitals, a variable. */
function both<T>(flag: string, fallback: string, reads: Reads<T>, doc: string): Setting<T> {
  return { flag, env: flag.replaceAll('-', '_').toUpperCase(), fallback, reads, doc };
}

function flagOnly<T>(flag: string, fallback: string, reads: Reads<T>, doc: string): Setting<T> {
  return { flag, env: undefined, fallback, reads, doc };
}

function envOnly<T>(env: string, fallback: string, reads: Reads<T>, doc: string): Setting<T> {
  return { flag: undefined, env, fallback, reads, doc };
}

function schedule(): Reads<string> {
  const pattern = /^(?:|@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)|\S+(?:\s+\S+){4,5})$/;
  return {
    parse: (value) => (pattern.test(value.trim()) ? { value: value.trim() } : undefined),
    expects: 'a cron schedule of five or six fields, @hourly or the like, or nothing',
  };
}

function overrides(): Reads<Readonly<Record<string, string>>> {
  const extensions = (json: unknown): unknown =>
    typeof json === 'object' && json !== null
      ? (('extensions' in json ? json.extensions : undefined) ?? {})
      : undefined;
  return stringMap('{"extensions": {"name": "value"}}, names in a-z and 0-9', extensions, (name) =>
    /^[a-z0-9]+$/.test(name),
  );
}

function routes(): Reads<Readonly<Record<string, string>>> {
  return stringMap(
    `a JSON object from ${functionNames.join(', ')} to http or https URLs`,
    (json) => json,
    (name, url) => functionNames.some((each) => each === name) && isWebAddress(url),
  );
}
