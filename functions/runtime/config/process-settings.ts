import * as z from 'zod/mini';
import { functionNames } from '#model/cache/cloud-event.ts';
import {
  both,
  envOnly,
  flagOnly,
  hostList,
  integer,
  isHost,
  isWebAddress,
  jsonOf,
  namespaceNames,
  oneOfOrNone,
  schedule,
  serverAddress,
  text,
  textThat,
  webAddress,
  wholeNumber,
  yesOrNo,
  type Values,
} from './setting.ts';

const mirrorLists = jsonOf<Readonly<Record<string, readonly string[]>>>(
  z.record(textThat(isHost), z.array(textThat(isWebAddress))),
  {},
  'a JSON object from registries to lists of http or https URLs',
);

const overrides = jsonOf<Readonly<Record<string, string>>>(
  z.pipe(
    z.object({
      extensions: z.nullish(
        z.record(
          textThat((name) => /^[a-z0-9]+$/.test(name)),
          z.string(),
        ),
      ),
    }),
    z.transform(({ extensions }) => extensions ?? {}),
  ),
  {},
  '{"extensions": {"name": "value"}}, names in a-z and 0-9',
);

const isFunctionName = (name: string): boolean => functionNames.some((each) => each === name);
const routes = jsonOf<Readonly<Record<string, string>>>(
  z.record(textThat(isFunctionName), textThat(isWebAddress)),
  {},
  `a JSON object from ${functionNames.join(', ')} to http or https URLs`,
);

/** Settings for resolving image references at registries. */
export const registryRows = {
  mirrors: both('registry-mirrors', mirrorLists, {
    doc: 'Mirrors that are asked for digests before the registry, best those that nodes pull from: {"docker.io": ["https://…"], …}',
  }),
  certificates: both('registry-ca-certs', text, {
    doc: 'PEM of additional certificate authorities of registries, or the path of a file that has it',
  }),
  insecure: both('registry-insecure', hostList, {
    doc: 'Registries that are asked for digests over http, separated by commas',
  }),
};

/** Whether a cache's pull secrets are used at registries. */
export const pullSecretRows = {
  readsPullSecrets: both('registry-secrets', yesOrNo, {
    fallback: 'false',
    doc: 'Ask registries with the pull secrets of the cache; needs the right to get Secrets in each namespace (a Role in deploy/kubectl/standalone.yaml)',
  }),
};

/** Settings of the process: its cluster, functions, port and namespaces. */
export const processRows = {
  kubeconfig: flagOnly('kubeconfig', text, {
    doc: "Kubeconfig of the cluster; empty: the pod's own service account, and outside a pod the simulator. KUBECONFIG and ~/.kube/config are never read",
  }),
  master: flagOnly('master', serverAddress, {
    doc: 'URL of the API server, or its host and port; empty: that of the kubeconfig',
  }),
  function: both('function', oneOfOrNone(functionNames), {
    doc: 'The one function to run, without sources; empty: all functions and the sources',
  }),
  port: both('port', wholeNumber(0, 65_535), {
    fallback: '8080',
    doc: 'Port of events, probes and metrics; the simulation takes any free port',
  }),
  listenAddress: both('listen-address', text, {
    doc: 'Address to listen on; empty: all in a Pod, and 127.0.0.1 elsewhere',
  }),
  allowedHosts: both('allowed-hosts', hostList, {
    doc: 'Names, separated by commas, under which metrics and the status page may be opened, such as that of an Ingress; addresses, localhost and names of Services always may',
  }),
  statusPage: both('status-page', yesOrNo, {
    fallback: 'false',
    doc: 'Serve a page of caches and nodes at /status/ of --status-page-port, read-only and without a login; on in the simulation',
  }),
  statusPagePort: both('status-page-port', wholeNumber(0, 65_535), {
    fallback: '8081',
    doc: 'Port of the status page, on 127.0.0.1 only: for kubectl port-forward, or a proxy in the same Pod that asks for a login; the simulation takes any free port',
  }),
  leaderElection: both('leader-election', yesOrNo, {
    fallback: 'true',
    doc: 'Hold a Lease, so that only one of several replicas is active',
  }),
  leaseNamespace: both('lease-namespace', text, {
    doc: 'Namespace of the Lease; empty: that of KUBEFLEDGED_NAMESPACE',
  }),
  watchNamespaces: both('watch-namespaces', namespaceNames, {
    doc: 'Namespaces whose caches are served, separated by commas; empty: all. With it no rights elsewhere are needed, except to read Nodes',
  }),
};

/** The secret that senders of events have to know. */
export const eventSecretRows = {
  token: envOnly('EVENT_TOKEN', text, {
    doc: 'Secret that posted events have to carry, and that a source sends with them; empty: none',
  }),
  header: envOnly('EVENT_TOKEN_HEADER', text, {
    fallback: 'authorization',
    doc: 'Header with that secret; in Authorization it follows the word Bearer',
  }),
};

/** Settings of the events that a source sends. */
export const eventRows = {
  receiveEvents: both('receive-events', yesOrNo, {
    fallback: 'false',
    doc: 'Take events that are posted to the port also where this process has sources of its own, whose events need no port; a process of one function always does',
  }),
  tickSchedule: both('tick-schedule', schedule, {
    fallback: '* * * * *',
    doc: 'Cron schedule of the tick; empty: off, something else sends it',
    mayBeEmpty: true,
  }),
  sink: envOnly('K_SINK', webAddress, {
    doc: 'URL that events are sent to, such as a Broker; empty: the functions of this process',
  }),
  eventOverrides: envOnly('K_CE_OVERRIDES', overrides, {
    doc: 'Extensions added to every event, as a SinkBinding sets them',
  }),
  sinkCertificates: envOnly('K_CA_CERTS', text, {
    doc: 'PEM of additional certificate authorities of the sink, as a SinkBinding sets it',
  }),
  routes: envOnly('ROUTES', routes, {
    doc: 'URL of each function, where there is no broker: {"reconcile": "http://…", …}. Not together with K_SINK',
  }),
};

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

const glogNames = ['INFO', 'WARNING', 'ERROR', 'FATAL', '0', '1', '2', '3'] as const;
/** Our levels by those of glog's --stderrthreshold, which are names or numbers. */
export const glogLevels = {
  ...{ INFO: 'info', WARNING: 'warn', ERROR: 'error', FATAL: 'fatal' },
  ...{ 0: 'info', 1: 'warn', 2: 'error', 3: 'fatal' },
} as const satisfies Record<(typeof glogNames)[number], LogLevel>;

/** Settings of the log. */
export const logRows = {
  logLevel: both('log-level', oneOfOrNone(logLevels), {
    doc: 'Lowest level that is logged; empty: info, or what the flags of glog below say',
  }),
  stderrThreshold: flagOnly('stderrthreshold', oneOfOrNone(glogNames), {
    doc: 'Lowest level that is logged, as kube-fledged and glog name it',
  }),
  verbosity: flagOnly('v', integer, {
    fallback: '0',
    doc: 'Verbosity, as in glog: from 4 on debug is logged, from 8 on trace',
  }),
};

/** glog's flags that kube-fledged's manifests pass. */
export const ignoredRows = {
  toStderr: flagOnly('logtostderr', yesOrNo, { fallback: 'false', doc: 'Accepted and ignored' }),
  alsoToStderr: flagOnly('alsologtostderr', yesOrNo, { fallback: 'false', doc: 'Accepted and ignored' }),
  verbosityByModule: flagOnly('vmodule', text, { doc: 'Accepted and ignored' }),
  logFolder: flagOnly('log_dir', text, { doc: 'Accepted and ignored' }),
  backtraceAt: flagOnly('log_backtrace_at', text, { doc: 'Accepted and ignored' }),
};

/** The operator's settings of registries. */
export type RegistrySettings = Values<typeof registryRows>;
